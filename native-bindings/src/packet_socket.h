#ifndef MULTIHOMED_PACKET_SOCKET_H_
#define MULTIHOMED_PACKET_SOCKET_H_

#include <linux/if_packet.h>
#include <napi.h>
#include <sys/socket.h>

#include <cstdint>
#include <vector>

#include "descriptor.h"
#include "packet_options.h"
#include "packet_ring.h"
#include "poller.h"
#include "system.h"

namespace multihomed {

// An AF_PACKET socket bound to one interface, as packet-socket.ts uses it. Frames and their records pass through
// arrays that JavaScript allocates once, so that a call allocates nothing. Every method returns a negative errno
// where the system call failed, and -EBADF once closed.
class PacketSocket : public Napi::ObjectWrap<PacketSocket> {
 public:
  static Napi::Function Define(Napi::Env env);

  // (receiveStorage: Uint8Array, receiveRecords: Float64Array, sendStorage: Uint8Array, sendRecords: Uint32Array)
  // A receive record is [at, length, captured, kind | vlan << 8]; a send record is [offset, length].
  explicit PacketSocket(const Napi::CallbackInfo& info);

 private:
  // (ifindex, etherTypes: Uint16Array, match: Uint32Array, receiveBuffer, ring, readable | undefined, error):
  // [errno, doing] | undefined. `match` is [offset, mask, value]; `ring` the number of its slots, 0 for none.
  Napi::Value Open(const Napi::CallbackInfo& info);
  // (maximum): the number of frames now in storage and records
  Napi::Value Receive(const Napi::CallbackInfo& info);
  // (first, count): the number of frames that the kernel took, at least 1
  Napi::Value Send(const Napi::CallbackInfo& info);
  // (wanted): whether frames that wait call `readable`
  void Wake(const Napi::CallbackInfo& info);
  // (senders: Uint32Array | undefined): 0. Whose frames come in, as Senders says; undefined for everybody's.
  Napi::Value Screen(const Napi::CallbackInfo& info);
  // (): [packets, drops] since the previous call
  Napi::Value Statistics(const Napi::CallbackInfo& info);
  // (): the size of the receive buffer as the kernel accounts it
  Napi::Value ReceiveBuffer(const Napi::CallbackInfo& info);
  void Close(const Napi::CallbackInfo& info);

  void PrepareSlots();
  void ResetSlot(size_t index);

  // What the kernel says of a frame.
  struct Envelope {
    // CLOCK_REALTIME, ns; 0 where there is none
    int64_t stamp;
    size_t length;
    size_t captured;
    uint8_t kind;
    bool vlan;
  };

  // The number of frames that were read, or the negative errno.
  int ReceiveQueued(size_t wanted);
  int ReceiveFromRing(size_t wanted);
  static Envelope ReadEnvelope(const mmsghdr& message);
  // In ns: `offset` is CLOCK_MONOTONIC minus CLOCK_REALTIME; a frame that came after `now` is taken to have come then.
  void WriteRecord(size_t index, const Envelope& envelope, int64_t now, int64_t offset);

  struct Slot {
    iovec vector;
    sockaddr_ll address;
    alignas(cmsghdr) char control[128];
  };

  Napi::Reference<Napi::Uint8Array> receive_storage_;
  Napi::Reference<Napi::Float64Array> receive_records_;
  Napi::Reference<Napi::Uint8Array> send_storage_;
  Napi::Reference<Napi::Uint32Array> send_records_;
  uint8_t* receive_bytes_;
  double* records_;
  uint8_t* send_bytes_;
  size_t send_size_;
  const uint32_t* send_ranges_;
  PacketOptions options_{};
  PacketRing ring_;
  size_t slot_size_;
  std::vector<Slot> slots_;
  std::vector<mmsghdr> receive_headers_;
  std::vector<mmsghdr> send_headers_;
  std::vector<iovec> send_vectors_;
  // CLOCK_MONOTONIC, ns: no frame in the queue is older.
  int64_t floor_ = 0;
  int fd_ = -1;
  Poller* poller_ = nullptr;
};

}  // namespace multihomed

#endif  // MULTIHOMED_PACKET_SOCKET_H_
