#include "packet_options.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/pkt_sched.h>

namespace multihomed {

PacketOptions PacketOptions::Read(const Napi::CallbackInfo& info) {
  const auto types = info[1].As<Napi::Uint16Array>();
  const auto match = info[2].As<Napi::Uint32Array>();
  return {info[0].As<Napi::Number>().Int32Value(),
          {types.Data(), types.Data() + types.ElementLength()},
          {match[0], match[1], match[2]},
          info[3].As<Napi::Number>().Int32Value(),
          info[4].As<Napi::Number>().Uint32Value()};
}

Failure PacketOptions::Filter(int fd, const Senders* senders) const {
  std::vector<sock_filter> program = BuildFilter(ether_types, match, senders);
  if (program.size() > BPF_MAXINSNS) return {EINVAL, "SO_ATTACH_FILTER"};
  const sock_fprog filter = {static_cast<unsigned short>(program.size()), program.data()};
  if (SetOption(fd, SOL_SOCKET, SO_ATTACH_FILTER, filter) != 0) return {errno, "setsockopt SO_ATTACH_FILTER"};
  return {};
}

Failure PacketOptions::Apply(int fd) const {
  const int enabled = 1;
  const Failure filtered = Filter(fd, nullptr);
  if (filtered.error != 0) return filtered;
  if (SetReceiveBuffer(fd, receive_buffer) != 0) return {errno, "setsockopt SO_RCVBUF"};
  if (SetOption(fd, SOL_SOCKET, SO_TIMESTAMPNS, enabled) != 0) return {errno, "setsockopt SO_TIMESTAMPNS"};
  if (SetOption(fd, SOL_PACKET, PACKET_AUXDATA, enabled) != 0) return {errno, "setsockopt PACKET_AUXDATA"};
  // Spares the copy of each frame that the filter would refuse anyhow. Linux 4.20; without it the filter alone does.
  if (!single()) SetOption(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, enabled);
  // Ahead of bulk data where the queue has bands (pfifo_fast). Needs CAP_NET_ADMIN; without it frames wait in line.
  const int priority = TC_PRIO_CONTROL;
  SetOption(fd, SOL_SOCKET, SO_PRIORITY, priority);
  return {};
}

Failure PacketOptions::Bind(int fd) const {
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(single() ? ether_types[0] : ETH_P_ALL);
  address.sll_ifindex = ifindex;
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) return {errno, "bind"};
  return {};
}

}  // namespace multihomed
