#ifndef MULTIHOMED_PACKET_OPTIONS_H_
#define MULTIHOMED_PACKET_OPTIONS_H_

#include <napi.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "packet_filter.h"
#include "system.h"

namespace multihomed {

// What a packet socket receives, and how.
struct PacketOptions {
  int ifindex;
  std::vector<uint16_t> ether_types;
  Match match;
  // bytes
  int receive_buffer;
  // 0 for no ring
  size_t ring_slots;

  // The first arguments of PacketSocket::Open.
  static PacketOptions Read(const Napi::CallbackInfo& info);
  // Everything that has to be true before the first frame can come in.
  Failure Apply(int fd) const;
  // Which frames come in; with `senders`, only theirs. What waits already stays. EINVAL for more senders than a filter takes.
  Failure Filter(int fd, const Senders* senders) const;
  // Lets frames in.
  Failure Bind(int fd) const;

 private:
  // Bound to a protocol of its own, a socket never sees what this host sends (dev_queue_xmit_nit serves ETH_P_ALL
  // only), and the kernel runs no filter for all the other traffic of the card.
  bool single() const { return ether_types.size() == 1; }
};

}  // namespace multihomed

#endif  // MULTIHOMED_PACKET_OPTIONS_H_
