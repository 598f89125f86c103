#ifndef MULTIHOMED_NETLINK_SOCKET_H_
#define MULTIHOMED_NETLINK_SOCKET_H_

#include <napi.h>

#include <cstdint>

#include "descriptor.h"
#include "poller.h"

namespace multihomed {

// A NETLINK_ROUTE socket to the kernel, as netlink-socket.ts uses it. Datagrams pass through an array that JavaScript
// allocates once. Methods return a negative errno where the system call failed, and -EBADF once closed.
class NetlinkSocket : public Napi::ObjectWrap<NetlinkSocket> {
 public:
  static Napi::Function Define(Napi::Env env);

  // (storage: Uint8Array)
  explicit NetlinkSocket(const Napi::CallbackInfo& info);

 private:
  // (groups: Uint32Array, receiveBuffer, readable?, error?): [errno, doing] | undefined; unwatched without handlers
  Napi::Value Open(const Napi::CallbackInfo& info);
  // (): nl_pid
  Napi::Value Port(const Napi::CallbackInfo& info);
  // (bytes: Uint8Array): 0
  Napi::Value Send(const Napi::CallbackInfo& info);
  // (): the length of the datagram now in storage; 0 where there is none
  Napi::Value Receive(const Napi::CallbackInfo& info);
  void Close(const Napi::CallbackInfo& info);

  Napi::Reference<Napi::Uint8Array> storage_;
  uint8_t* bytes_;
  size_t size_;
  uint32_t port_ = 0;
  // One of the two owns the socket: the poller where it is watched, else the descriptor.
  Descriptor unwatched_;
  Poller* poller_ = nullptr;
  int fd_ = -1;
};

}  // namespace multihomed

#endif  // MULTIHOMED_NETLINK_SOCKET_H_
