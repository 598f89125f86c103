#include <napi.h>

#include "datagram.h"
#include "echo_filter.h"
#include "netlink_socket.h"
#include "packet_socket.h"
#include "timer.h"

namespace {

Napi::Object Initialize(Napi::Env env, Napi::Object exports) {
  exports.Set("PacketSocket", multihomed::PacketSocket::Define(env));
  exports.Set("NetlinkSocket", multihomed::NetlinkSocket::Define(env));
  exports.Set("sendDatagram", Napi::Function::New(env, multihomed::SendDatagram, "sendDatagram"));
  exports.Set("echoFilter", Napi::Function::New(env, multihomed::EchoFilter, "echoFilter"));
  exports.Set("Timer", multihomed::Timer::Define(env));
  return exports;
}

}  // namespace

NODE_API_MODULE(multihomed_native, Initialize)
