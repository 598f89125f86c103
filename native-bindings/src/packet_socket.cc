#include "packet_socket.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/pkt_sched.h>
#include <time.h>

#include <algorithm>
#include <cstring>

#include "packet_filter.h"

namespace multihomed {

namespace {

constexpr size_t kRecordFields = 4;
constexpr size_t kRangeFields = 2;
constexpr uint16_t kVlanIdMask = 0x0fff;
constexpr double kVlanFlag = 0x100;
constexpr int64_t kNanosecondsPerSecond = 1000000000;
constexpr double kNanosecondsPerMillisecond = 1e6;

int64_t ToNanoseconds(const timespec& time) { return time.tv_sec * kNanosecondsPerSecond + time.tv_nsec; }

int64_t ReadClock(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return ToNanoseconds(time);
}

// CLOCK_MONOTONIC minus CLOCK_REALTIME, read as nearly at one moment as a preemptible process can.
int64_t ClockOffset() {
  constexpr int kAttempts = 3;
  constexpr int64_t kCloseEnough = 1000;
  int64_t best = INT64_MAX;
  int64_t offset = 0;
  for (int attempt = 0; attempt < kAttempts && best > kCloseEnough; attempt++) {
    const int64_t before = ReadClock(CLOCK_MONOTONIC);
    const int64_t realtime = ReadClock(CLOCK_REALTIME);
    const int64_t gap = ReadClock(CLOCK_MONOTONIC) - before;
    if (gap >= best) continue;
    best = gap;
    offset = before + gap / 2 - realtime;
  }
  return offset;
}

// Everything that has to be true before the first frame can come in, then the binding that lets it in.
Failure Configure(int fd, int ifindex, const std::vector<uint16_t>& ether_types, const Match& match,
                  int receive_buffer) {
  // Bound to a protocol of its own, a socket never sees what this host sends (dev_queue_xmit_nit serves ETH_P_ALL
  // only), and the kernel runs no filter for all the other traffic of the card.
  const bool single = ether_types.size() == 1;
  std::vector<sock_filter> program = BuildFilter(ether_types, match);
  const sock_fprog filter = {static_cast<unsigned short>(program.size()), program.data()};
  const int enabled = 1;
  if (SetOption(fd, SOL_SOCKET, SO_ATTACH_FILTER, filter) != 0) return {errno, "setsockopt SO_ATTACH_FILTER"};
  if (SetReceiveBuffer(fd, receive_buffer) != 0) return {errno, "setsockopt SO_RCVBUF"};
  if (SetOption(fd, SOL_SOCKET, SO_TIMESTAMPNS, enabled) != 0) return {errno, "setsockopt SO_TIMESTAMPNS"};
  if (SetOption(fd, SOL_PACKET, PACKET_AUXDATA, enabled) != 0) return {errno, "setsockopt PACKET_AUXDATA"};
  // Spares the copy of each frame that the filter would refuse anyhow. Linux 4.20; without it the filter alone does.
  if (!single) SetOption(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, enabled);
  // Ahead of bulk data where the queue has bands (pfifo_fast). Needs CAP_NET_ADMIN; without it frames wait in line.
  const int priority = TC_PRIO_CONTROL;
  SetOption(fd, SOL_SOCKET, SO_PRIORITY, priority);
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(single ? ether_types[0] : ETH_P_ALL);
  address.sll_ifindex = ifindex;
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) return {errno, "bind"};
  return {};
}

}  // namespace

Napi::Function PacketSocket::Define(Napi::Env env) {
  return DefineClass(env, "PacketSocket",
                     {
                         InstanceMethod<&PacketSocket::Open>("open"),
                         InstanceMethod<&PacketSocket::Receive>("receive"),
                         InstanceMethod<&PacketSocket::Send>("send"),
                         InstanceMethod<&PacketSocket::Statistics>("statistics"),
                         InstanceMethod<&PacketSocket::ReceiveBuffer>("receiveBuffer"),
                         InstanceMethod<&PacketSocket::Close>("close"),
                     });
}

PacketSocket::PacketSocket(const Napi::CallbackInfo& info) : Napi::ObjectWrap<PacketSocket>(info) {
  auto receive_storage = info[0].As<Napi::Uint8Array>();
  auto receive_records = info[1].As<Napi::Float64Array>();
  auto send_storage = info[2].As<Napi::Uint8Array>();
  auto send_records = info[3].As<Napi::Uint32Array>();
  receive_storage_ = Napi::Reference<Napi::Uint8Array>::New(receive_storage, 1);
  receive_records_ = Napi::Reference<Napi::Float64Array>::New(receive_records, 1);
  send_storage_ = Napi::Reference<Napi::Uint8Array>::New(send_storage, 1);
  send_records_ = Napi::Reference<Napi::Uint32Array>::New(send_records, 1);
  receive_bytes_ = receive_storage.Data();
  records_ = receive_records.Data();
  send_bytes_ = send_storage.Data();
  send_size_ = send_storage.ElementLength();
  send_ranges_ = send_records.Data();
  slots_.resize(receive_records.ElementLength() / kRecordFields);
  send_vectors_.resize(send_records.ElementLength() / kRangeFields);
  if (slots_.empty() || send_vectors_.empty()) throw Napi::RangeError::New(info.Env(), "no room for a frame");
  slot_size_ = receive_storage.ElementLength() / slots_.size();
  PrepareSlots();
}

void PacketSocket::PrepareSlots() {
  receive_headers_.resize(slots_.size());
  for (size_t index = 0; index < slots_.size(); index++) {
    slots_[index].vector = {receive_bytes_ + index * slot_size_, slot_size_};
    ResetSlot(index);
  }
  send_headers_.resize(send_vectors_.size());
  for (size_t index = 0; index < send_vectors_.size(); index++) {
    send_headers_[index].msg_hdr.msg_iov = &send_vectors_[index];
    send_headers_[index].msg_hdr.msg_iovlen = 1;
  }
}

void PacketSocket::ResetSlot(size_t index) {
  Slot& slot = slots_[index];
  msghdr& header = receive_headers_[index].msg_hdr;
  header.msg_name = &slot.address;
  header.msg_namelen = sizeof(slot.address);
  header.msg_iov = &slot.vector;
  header.msg_iovlen = 1;
  header.msg_control = slot.control;
  header.msg_controllen = sizeof(slot.control);
  header.msg_flags = 0;
}

Napi::Value PacketSocket::Open(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const int ifindex = info[0].As<Napi::Number>().Int32Value();
  const auto types = info[1].As<Napi::Uint16Array>();
  const std::vector<uint16_t> ether_types(types.Data(), types.Data() + types.ElementLength());
  const auto byte = info[2].As<Napi::Uint32Array>();
  const Match match = {byte[0], byte[1], byte[2]};
  const int receive_buffer = info[3].As<Napi::Number>().Int32Value();
  if (poller_ != nullptr) return Failure{EALREADY, "open"}.ToValue(env);
  // Protocol 0 receives nothing until bind names one.
  Descriptor descriptor(socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!descriptor.valid()) return Failure{errno, "socket AF_PACKET"}.ToValue(env);
  floor_ = ReadClock(CLOCK_MONOTONIC);
  const Failure failure = Configure(descriptor.get(), ifindex, ether_types, match, receive_buffer);
  if (failure.error != 0) return failure.ToValue(env);
  const Napi::Function readable = info[4].IsFunction() ? info[4].As<Napi::Function>() : Napi::Function();
  const int error =
      Poller::Start(env, descriptor.get(), readable, info[5].As<Napi::Function>(), &poller_);
  if (error != 0) return Failure{error, "uv_poll_init"}.ToValue(env);
  fd_ = descriptor.Release();
  // The event loop holds on to the socket until it is closed.
  Ref();
  return env.Undefined();
}

Napi::Value PacketSocket::Receive(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (fd_ < 0) return Napi::Number::New(env, -EBADF);
  const size_t wanted = std::min<size_t>(info[0].As<Napi::Number>().Uint32Value(), slots_.size());
  const int64_t started = ReadClock(CLOCK_MONOTONIC);
  const int count = Uninterrupted(
      [&] { return recvmmsg(fd_, receive_headers_.data(), static_cast<unsigned>(wanted), MSG_DONTWAIT, nullptr); });
  if (count == -EAGAIN) floor_ = started;
  if (count < 0) return Napi::Number::New(env, count == -EAGAIN ? 0 : count);
  const int64_t offset = ClockOffset();
  const int64_t now = ReadClock(CLOCK_MONOTONIC);
  for (size_t index = 0; index < static_cast<size_t>(count); index++) {
    WriteRecord(index, now, offset);
    ResetSlot(index);
  }
  // Fewer than asked for: the queue was empty at a moment after `started`.
  if (static_cast<size_t>(count) < wanted) floor_ = started;
  return Napi::Number::New(env, count);
}

void PacketSocket::WriteRecord(size_t index, int64_t now, int64_t offset) {
  const mmsghdr& message = receive_headers_[index];
  int64_t at = now;
  size_t length = message.msg_len;
  bool vlan = false;
  for (cmsghdr* part = CMSG_FIRSTHDR(&message.msg_hdr); part != nullptr;
       part = CMSG_NXTHDR(const_cast<msghdr*>(&message.msg_hdr), part)) {
    if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_TIMESTAMPNS) {
      timespec stamp;
      memcpy(&stamp, CMSG_DATA(part), sizeof(stamp));
      // A wall clock stepped since the stamp was taken moves the sum out of the time in which the frame can have come.
      at = std::clamp(ToNanoseconds(stamp) + offset, floor_, now);
    } else if (part->cmsg_level == SOL_PACKET && part->cmsg_type == PACKET_AUXDATA) {
      tpacket_auxdata auxiliary;
      memcpy(&auxiliary, CMSG_DATA(part), sizeof(auxiliary));
      length = auxiliary.tp_len;
      // VLAN id 0 carries a priority only: the frame belongs to the interface's own network (IEEE 802.1Q, 9.6).
      vlan = (auxiliary.tp_status & TP_STATUS_VLAN_VALID) != 0 && (auxiliary.tp_vlan_tci & kVlanIdMask) != 0;
    }
  }
  const uint8_t kind = slots_[index].address.sll_pkttype;
  // Bound to one protocol, we are handed a frame of a foreign VLAN with its tag already off, and marked as another
  // host's (__netif_receive_skb_core): a group address among those gives it away.
  if (kind == PACKET_OTHERHOST && message.msg_len > 0 && (receive_bytes_[index * slot_size_] & 1) != 0) vlan = true;
  double* record = records_ + index * kRecordFields;
  record[0] = static_cast<double>(at) / kNanosecondsPerMillisecond;
  record[1] = static_cast<double>(length);
  record[2] = static_cast<double>(std::min<size_t>(message.msg_len, slot_size_));
  record[3] = kind + (vlan ? kVlanFlag : 0);
}

Napi::Value PacketSocket::Send(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (fd_ < 0) return Napi::Number::New(env, -EBADF);
  const size_t first = info[0].As<Napi::Number>().Uint32Value();
  const size_t count = info[1].As<Napi::Number>().Uint32Value();
  if (first + count > send_vectors_.size()) return Napi::Number::New(env, -EINVAL);
  for (size_t index = first; index < first + count; index++) {
    const size_t offset = send_ranges_[index * kRangeFields];
    const size_t length = send_ranges_[index * kRangeFields + 1];
    if (offset + length > send_size_) return Napi::Number::New(env, -EINVAL);
    send_vectors_[index] = {send_bytes_ + offset, length};
  }
  const int sent = Uninterrupted([&] {
    return sendmmsg(fd_, send_headers_.data() + first, static_cast<unsigned>(count), MSG_DONTWAIT | MSG_NOSIGNAL);
  });
  return Napi::Number::New(env, sent);
}

Napi::Value PacketSocket::Statistics(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  tpacket_stats statistics{};
  socklen_t length = sizeof(statistics);
  if (fd_ >= 0) getsockopt(fd_, SOL_PACKET, PACKET_STATISTICS, &statistics, &length);
  Napi::Array pair = Napi::Array::New(env, 2);
  pair.Set(0u, Napi::Number::New(env, statistics.tp_packets));
  pair.Set(1u, Napi::Number::New(env, statistics.tp_drops));
  return pair;
}

Napi::Value PacketSocket::ReceiveBuffer(const Napi::CallbackInfo& info) {
  int bytes = 0;
  socklen_t length = sizeof(bytes);
  if (getsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &bytes, &length) != 0) bytes = -errno;
  return Napi::Number::New(info.Env(), bytes);
}

void PacketSocket::Close(const Napi::CallbackInfo&) {
  if (poller_ == nullptr) return;
  fd_ = -1;
  poller_->Close();
  poller_ = nullptr;
  Unref();
}

}  // namespace multihomed
