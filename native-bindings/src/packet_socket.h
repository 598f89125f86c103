#ifndef MULTIHOMED_PACKET_SOCKET_H_
#define MULTIHOMED_PACKET_SOCKET_H_

#include <linux/if_packet.h>
#include <napi.h>
#include <sys/socket.h>

#include <cstdint>
#include <vector>

#include "descriptor.h"
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
  // (ifindex, etherTypes: Uint16Array, match: Uint32Array, receiveBuffer, readable | undefined, error):
  // [errno, doing] | undefined. `match` is [offset, mask, value].
  Napi::Value Open(const Napi::CallbackInfo& info);
  // (maximum): the number of frames now in storage and records
  Napi::Value Receive(const Napi::CallbackInfo& info);
  // (first, count): the number of frames that the kernel took, at least 1
  Napi::Value Send(const Napi::CallbackInfo& info);
  // (): [packets, drops] since the previous call
  Napi::Value Statistics(const Napi::CallbackInfo& info);
  // (): the size of the receive buffer as the kernel accounts it
  Napi::Value ReceiveBuffer(const Napi::CallbackInfo& info);
  void Close(const Napi::CallbackInfo& info);

  void PrepareSlots();
  void ResetSlot(size_t index);
  void WriteRecord(size_t index, int64_t now, int64_t offset);

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
