#ifndef MULTIHOMED_PACKET_FILTER_H_
#define MULTIHOMED_PACKET_FILTER_H_

#include <linux/filter.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace multihomed {

// One byte of a frame, `offset` bytes from its beginning, that has to be `value` under `mask`. A mask of 0 matches any frame.
struct Match {
  uint32_t offset = 0;
  uint32_t mask = 0;
  uint32_t value = 0;
};

// Hardware addresses of senders, by their last four bytes, ascending and each once.
using Senders = std::vector<uint32_t>;

// A classic BPF program that lets through whole frames of the given EtherTypes that match, unless this host sent them
// itself; with `senders`, only theirs. It may be longer than BPF_MAXINSNS, which the kernel refuses.
std::vector<sock_filter> BuildFilter(const std::vector<uint16_t>& ether_types, const Match& match,
                                     const Senders* senders = nullptr);

}  // namespace multihomed

#endif  // MULTIHOMED_PACKET_FILTER_H_
