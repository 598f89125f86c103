#include "packet_socket.h"

#include <time.h>

#include <algorithm>
#include <cstring>

namespace multihomed {

namespace {

constexpr size_t kRecordFields = 4;
constexpr size_t kRangeFields = 2;
constexpr uint16_t kVlanIdMask = 0x0fff;
constexpr double kVlanFlag = 0x100;
constexpr int64_t kNanosecondsPerSecond = 1000000000;
constexpr double kNanosecondsPerMillisecond = 1e6;

int64_t ToNanoseconds(const timespec& time) { return time.tv_sec * kNanosecondsPerSecond + time.tv_nsec; }

// VLAN id 0 carries a priority only: the frame belongs to the interface's own network (IEEE 802.1Q, 9.6).
bool HasVlan(uint32_t status, uint16_t tci) {
  return (status & TP_STATUS_VLAN_VALID) != 0 && (tci & kVlanIdMask) != 0;
}

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

}  // namespace

Napi::Function PacketSocket::Define(Napi::Env env) {
  return DefineClass(env, "PacketSocket",
                     {
                         InstanceMethod<&PacketSocket::Open>("open"),
                         InstanceMethod<&PacketSocket::Receive>("receive"),
                         InstanceMethod<&PacketSocket::Send>("send"),
                         InstanceMethod<&PacketSocket::Wake>("wake"),
                         InstanceMethod<&PacketSocket::Screen>("screen"),
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
  if (poller_ != nullptr) return Failure{EALREADY, "open"}.ToValue(env);
  // Protocol 0 receives nothing until bind names one.
  Descriptor descriptor(socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!descriptor.valid()) return Failure{errno, "socket AF_PACKET"}.ToValue(env);
  floor_ = ReadClock(CLOCK_MONOTONIC);
  options_ = PacketOptions::Read(info);
  Failure failure = options_.Apply(descriptor.get());
  if (failure.error == 0 && options_.ring_slots > 0) failure = ring_.Open(descriptor.get(), options_.ring_slots);
  if (failure.error == 0) failure = options_.Bind(descriptor.get());
  if (failure.error == 0) {
    const Napi::Function readable = info[5].IsFunction() ? info[5].As<Napi::Function>() : Napi::Function();
    const int error = Poller::Start(env, descriptor.get(), readable, info[6].As<Napi::Function>(), &poller_);
    failure = {error, "uv_poll_init"};
  }
  if (failure.error != 0) {
    ring_.Close();
    return failure.ToValue(env);
  }
  fd_ = descriptor.Release();
  // The event loop holds on to the socket until it is closed.
  Ref();
  return env.Undefined();
}

Napi::Value PacketSocket::Receive(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (fd_ < 0) return Napi::Number::New(env, -EBADF);
  const size_t wanted = std::min<size_t>(info[0].As<Napi::Number>().Uint32Value(), slots_.size());
  return Napi::Number::New(env, ring_.is_open() ? ReceiveFromRing(wanted) : ReceiveQueued(wanted));
}

int PacketSocket::ReceiveQueued(size_t wanted) {
  const int64_t started = ReadClock(CLOCK_MONOTONIC);
  const int count = Uninterrupted(
      [&] { return recvmmsg(fd_, receive_headers_.data(), static_cast<unsigned>(wanted), MSG_DONTWAIT, nullptr); });
  if (count == -EAGAIN) floor_ = started;
  if (count < 0) return count == -EAGAIN ? 0 : count;
  const int64_t offset = ClockOffset();
  const int64_t now = ReadClock(CLOCK_MONOTONIC);
  for (size_t index = 0; index < static_cast<size_t>(count); index++) {
    WriteRecord(index, ReadEnvelope(receive_headers_[index]), now, offset);
    ResetSlot(index);
  }
  // Fewer than asked for: the queue was empty at a moment after `started`.
  if (static_cast<size_t>(count) < wanted) floor_ = started;
  return count;
}

int PacketSocket::ReceiveFromRing(size_t wanted) {
  const int64_t started = ReadClock(CLOCK_MONOTONIC);
  const int64_t offset = ClockOffset();
  int64_t now = started;
  size_t count = 0;
  for (; count < wanted; count++) {
    const tpacket2_hdr* frame = ring_.Front();
    if (frame == nullptr) break;
    const Envelope envelope = {frame->tp_sec * kNanosecondsPerSecond + frame->tp_nsec, frame->tp_len,
                               std::min<size_t>(frame->tp_snaplen, slot_size_),
                               PacketRing::AddressOf(frame)->sll_pkttype,
                               HasVlan(frame->tp_status, frame->tp_vlan_tci)};
    // It came while we were reading: taken to have come before, it would overtake a frame that another socket has already.
    if (envelope.stamp + offset > now) now = ReadClock(CLOCK_MONOTONIC);
    memcpy(receive_bytes_ + count * slot_size_, PacketRing::BytesOf(frame), envelope.captured);
    WriteRecord(count, envelope, now, offset);
    ring_.Pop();
  }
  if (count < wanted) floor_ = started;
  return static_cast<int>(count);
}

PacketSocket::Envelope PacketSocket::ReadEnvelope(const mmsghdr& message) {
  const auto* address = static_cast<const sockaddr_ll*>(message.msg_hdr.msg_name);
  const size_t captured = std::min<size_t>(message.msg_len, message.msg_hdr.msg_iov->iov_len);
  Envelope envelope = {0, message.msg_len, captured, address->sll_pkttype, false};
  for (cmsghdr* part = CMSG_FIRSTHDR(&message.msg_hdr); part != nullptr;
       part = CMSG_NXTHDR(const_cast<msghdr*>(&message.msg_hdr), part)) {
    if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_TIMESTAMPNS) {
      timespec stamp;
      memcpy(&stamp, CMSG_DATA(part), sizeof(stamp));
      envelope.stamp = ToNanoseconds(stamp);
    } else if (part->cmsg_level == SOL_PACKET && part->cmsg_type == PACKET_AUXDATA) {
      tpacket_auxdata auxiliary;
      memcpy(&auxiliary, CMSG_DATA(part), sizeof(auxiliary));
      envelope.length = auxiliary.tp_len;
      envelope.vlan = HasVlan(auxiliary.tp_status, auxiliary.tp_vlan_tci);
    }
  }
  return envelope;
}

void PacketSocket::WriteRecord(size_t index, const Envelope& envelope, int64_t now, int64_t offset) {
  // A wall clock stepped since the stamp was taken moves the sum out of the time in which the frame can have come.
  const int64_t at = envelope.stamp == 0 ? now : std::clamp(envelope.stamp + offset, floor_, now);
  // Bound to one protocol, we are handed a frame of a foreign VLAN with its tag already off, and marked as another
  // host's (__netif_receive_skb_core): a group address among those gives it away.
  const bool group = envelope.captured > 0 && (receive_bytes_[index * slot_size_] & 1) != 0;
  const bool vlan = envelope.vlan || (envelope.kind == PACKET_OTHERHOST && group);
  double* record = records_ + index * kRecordFields;
  record[0] = static_cast<double>(at) / kNanosecondsPerMillisecond;
  record[1] = static_cast<double>(envelope.length);
  record[2] = static_cast<double>(envelope.captured);
  record[3] = envelope.kind + (vlan ? kVlanFlag : 0);
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

void PacketSocket::Wake(const Napi::CallbackInfo& info) {
  if (poller_ != nullptr) poller_->Wake(info[0].As<Napi::Boolean>().Value());
}

Napi::Value PacketSocket::Screen(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (fd_ < 0) return Napi::Number::New(env, -EBADF);
  if (!info[0].IsTypedArray()) return Napi::Number::New(env, -options_.Filter(fd_, nullptr).error);
  const auto array = info[0].As<Napi::Uint32Array>();
  const Senders senders(array.Data(), array.Data() + array.ElementLength());
  return Napi::Number::New(env, -options_.Filter(fd_, &senders).error);
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
  ring_.Close();
  poller_->Close();
  poller_ = nullptr;
  Unref();
}

}  // namespace multihomed
