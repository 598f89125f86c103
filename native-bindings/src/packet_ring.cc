#include "packet_ring.h"

#include <sys/mman.h>

namespace multihomed {

namespace {

// Room for what an Ethernet without jumbo frames carries, and for the headers before it; what is longer is cut.
constexpr size_t kSlotSize = 2048;
// The kernel allocates slots in blocks of whole pages.
constexpr size_t kBlockSlots = 32;

}  // namespace

Failure PacketRing::Open(int fd, size_t slots) {
  const int version = TPACKET_V2;
  if (SetOption(fd, SOL_PACKET, PACKET_VERSION, version) != 0) return {errno, "setsockopt PACKET_VERSION"};
  tpacket_req request{};
  request.tp_frame_size = kSlotSize;
  request.tp_frame_nr = static_cast<unsigned>(slots);
  request.tp_block_size = kBlockSlots * kSlotSize;
  request.tp_block_nr = static_cast<unsigned>(slots / kBlockSlots);
  if (SetOption(fd, SOL_PACKET, PACKET_RX_RING, request) != 0) return {errno, "setsockopt PACKET_RX_RING"};
  void* memory = mmap(nullptr, slots * kSlotSize, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) return {errno, "mmap"};
  memory_ = static_cast<uint8_t*>(memory);
  slots_ = slots;
  return {};
}

const tpacket2_hdr* PacketRing::Front() const {
  const tpacket2_hdr* slot = Slot(front_);
  // The kernel writes the frame first, and then to whom the slot belongs.
  return (__atomic_load_n(&slot->tp_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER) != 0 ? slot : nullptr;
}

const sockaddr_ll* PacketRing::AddressOf(const tpacket2_hdr* frame) {
  return reinterpret_cast<const sockaddr_ll*>(reinterpret_cast<const uint8_t*>(frame) +
                                              TPACKET_ALIGN(sizeof(tpacket2_hdr)));
}

const uint8_t* PacketRing::BytesOf(const tpacket2_hdr* frame) {
  return reinterpret_cast<const uint8_t*>(frame) + frame->tp_mac;
}

void PacketRing::Pop() {
  __atomic_store_n(&Slot(front_)->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
  front_ = (front_ + 1) % slots_;
}

void PacketRing::Close() {
  if (memory_ != nullptr) munmap(memory_, slots_ * kSlotSize);
  memory_ = nullptr;
}

tpacket2_hdr* PacketRing::Slot(size_t index) const {
  return reinterpret_cast<tpacket2_hdr*>(memory_ + index * kSlotSize);
}

}  // namespace multihomed
