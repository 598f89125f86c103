#ifndef MULTIHOMED_PACKET_RING_H_
#define MULTIHOMED_PACKET_RING_H_

#include <linux/if_packet.h>

#include <cstddef>
#include <cstdint>

#include "system.h"

namespace multihomed {

// Frames that the kernel puts into memory which it shares with us (PACKET_RX_RING, TPACKET_V2), so that reading them
// takes no system call. Of the versions, the third would keep a frame back until its block is full or a jiffy is over.
class PacketRing {
 public:
  PacketRing() = default;
  ~PacketRing() { Close(); }
  PacketRing(const PacketRing&) = delete;
  PacketRing& operator=(const PacketRing&) = delete;

  // Has a packet socket that is not bound yet receive into this ring of `slots` slots, a multiple of 32.
  Failure Open(int fd, size_t slots);
  bool is_open() const { return memory_ != nullptr; }

  // The oldest frame that waits, which stays until Pop; nullptr where none does.
  const tpacket2_hdr* Front() const;
  static const sockaddr_ll* AddressOf(const tpacket2_hdr* frame);
  static const uint8_t* BytesOf(const tpacket2_hdr* frame);
  // Gives the slot of the front frame back to the kernel.
  void Pop();

  // A mapping holds on to its socket as a descriptor does: the socket ends with the latter of the two.
  void Close();

 private:
  tpacket2_hdr* Slot(size_t index) const;

  uint8_t* memory_ = nullptr;
  size_t slots_ = 0;
  size_t front_ = 0;
};

}  // namespace multihomed

#endif  // MULTIHOMED_PACKET_RING_H_
