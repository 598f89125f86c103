#ifndef MULTIHOMED_PACKET_FILTER_H_
#define MULTIHOMED_PACKET_FILTER_H_

#include <linux/filter.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace multihomed {

// A classic BPF program that lets through whole frames of the given EtherTypes, unless this host sent them itself.
std::vector<sock_filter> BuildFilter(const uint16_t* ether_types, size_t count);

}  // namespace multihomed

#endif  // MULTIHOMED_PACKET_FILTER_H_
