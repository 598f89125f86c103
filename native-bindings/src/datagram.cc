#include "datagram.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string>

#include "system.h"

namespace multihomed {

Napi::Value SendDatagram(const Napi::CallbackInfo& info) {
  const std::string path = info[0].As<Napi::String>();
  const std::string text = info[1].As<Napi::String>();
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path)) return Napi::Number::New(info.Env(), -ENAMETOOLONG);
  std::memcpy(address.sun_path, path.data(), path.size());
  const bool abstract = path[0] == '@' || path[0] == '\0';
  if (abstract) address.sun_path[0] = '\0';
  const socklen_t length =
      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + (abstract ? 0 : 1));

  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return Napi::Number::New(info.Env(), -errno);
  const auto sent = Uninterrupted([&] {
    return sendto(fd, text.data(), text.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address), length);
  });
  close(fd);
  return Napi::Number::New(info.Env(), sent < 0 ? static_cast<double>(sent) : 0);
}

}  // namespace multihomed
