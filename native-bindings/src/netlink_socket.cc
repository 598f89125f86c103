#include "netlink_socket.h"

#include <linux/netlink.h>
#include <sys/socket.h>

#include <vector>

#include "system.h"

namespace multihomed {

namespace {

// NETLINK_NO_ENOBUFS stays off: who is not told of lost messages works with a false picture of the kernel.
Failure Configure(int fd, const std::vector<uint32_t>& groups, int receive_buffer) {
  const int enabled = 1;
  if (SetReceiveBuffer(fd, receive_buffer) != 0) return {errno, "setsockopt SO_RCVBUF"};
  if (SetOption(fd, SOL_NETLINK, NETLINK_EXT_ACK, enabled) != 0) return {errno, "setsockopt NETLINK_EXT_ACK"};
  if (SetOption(fd, SOL_NETLINK, NETLINK_CAP_ACK, enabled) != 0) return {errno, "setsockopt NETLINK_CAP_ACK"};
  if (SetOption(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, enabled) != 0) {
    return {errno, "setsockopt NETLINK_GET_STRICT_CHK"};
  }
  // Port 0: the kernel chooses one that is free.
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) return {errno, "bind"};
  for (const uint32_t group : groups) {
    if (SetOption(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group) != 0) {
      return {errno, "setsockopt NETLINK_ADD_MEMBERSHIP"};
    }
  }
  return {};
}

}  // namespace

Napi::Function NetlinkSocket::Define(Napi::Env env) {
  return DefineClass(env, "NetlinkSocket",
                     {
                         InstanceMethod<&NetlinkSocket::Open>("open"),
                         InstanceMethod<&NetlinkSocket::Port>("port"),
                         InstanceMethod<&NetlinkSocket::Send>("send"),
                         InstanceMethod<&NetlinkSocket::Receive>("receive"),
                         InstanceMethod<&NetlinkSocket::Close>("close"),
                     });
}

NetlinkSocket::NetlinkSocket(const Napi::CallbackInfo& info) : Napi::ObjectWrap<NetlinkSocket>(info) {
  auto storage = info[0].As<Napi::Uint8Array>();
  storage_ = Napi::Reference<Napi::Uint8Array>::New(storage, 1);
  bytes_ = storage.Data();
  size_ = storage.ElementLength();
}

Napi::Value NetlinkSocket::Open(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto memberships = info[0].As<Napi::Uint32Array>();
  const std::vector<uint32_t> groups(memberships.Data(), memberships.Data() + memberships.ElementLength());
  const int receive_buffer = info[1].As<Napi::Number>().Int32Value();
  if (fd_ >= 0) return Failure{EALREADY, "open"}.ToValue(env);
  Descriptor descriptor(socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!descriptor.valid()) return Failure{errno, "socket AF_NETLINK"}.ToValue(env);
  const Failure failure = Configure(descriptor.get(), groups, receive_buffer);
  if (failure.error != 0) return failure.ToValue(env);
  sockaddr_nl address{};
  socklen_t length = sizeof(address);
  if (getsockname(descriptor.get(), reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    return Failure{errno, "getsockname"}.ToValue(env);
  }
  if (info[2].IsFunction()) {
    const int error =
        Poller::Start(env, descriptor.get(), info[2].As<Napi::Function>(), info[3].As<Napi::Function>(), &poller_);
    if (error != 0) return Failure{error, "uv_poll_init"}.ToValue(env);
    fd_ = descriptor.Release();
    // The event loop holds on to the socket until it is closed.
    Ref();
  } else {
    fd_ = descriptor.Release();
    unwatched_.Reset(fd_);
  }
  port_ = address.nl_pid;
  return env.Undefined();
}

Napi::Value NetlinkSocket::Port(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), port_); }

Napi::Value NetlinkSocket::Send(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto message = info[0].As<Napi::Uint8Array>();
  if (fd_ < 0) return Napi::Number::New(env, -EBADF);
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  const ssize_t sent = Uninterrupted([&] {
    return sendto(fd_, message.Data(), message.ElementLength(), MSG_DONTWAIT,
                  reinterpret_cast<const sockaddr*>(&kernel), sizeof(kernel));
  });
  return Napi::Number::New(env, sent < 0 ? static_cast<int>(sent) : 0);
}

Napi::Value NetlinkSocket::Receive(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (fd_ < 0) return Napi::Number::New(env, -EBADF);
  for (;;) {
    sockaddr_nl sender{};
    socklen_t length = sizeof(sender);
    const ssize_t received = Uninterrupted([&] {
      return recvfrom(fd_, bytes_, size_, MSG_DONTWAIT | MSG_TRUNC, reinterpret_cast<sockaddr*>(&sender), &length);
    });
    if (received == -EAGAIN) return Napi::Number::New(env, 0);
    if (received < 0) return Napi::Number::New(env, static_cast<int>(received));
    // Any process with CAP_NET_ADMIN may write to this port; only the kernel has port 0.
    if (sender.nl_pid != 0) continue;
    // Cut off, so something was lost: the same to the caller as an overrun.
    if (static_cast<size_t>(received) > size_) return Napi::Number::New(env, -ENOBUFS);
    return Napi::Number::New(env, static_cast<double>(received));
  }
}

void NetlinkSocket::Close(const Napi::CallbackInfo&) {
  fd_ = -1;
  unwatched_.Reset();
  if (poller_ == nullptr) return;
  poller_->Close();
  poller_ = nullptr;
  Unref();
}

}  // namespace multihomed
