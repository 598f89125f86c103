#ifndef MULTIHOMED_SYSTEM_H_
#define MULTIHOMED_SYSTEM_H_

#include <napi.h>
#include <sys/socket.h>

#include <cerrno>

namespace multihomed {

// A system call that failed: errno, and what was being done. An error of 0 means success.
struct Failure {
  int error = 0;
  const char* doing = "";

  // [errno, doing] for JavaScript, or undefined where nothing failed.
  Napi::Value ToValue(Napi::Env env) const {
    if (error == 0) return env.Undefined();
    Napi::Array pair = Napi::Array::New(env, 2);
    pair.Set(0u, Napi::Number::New(env, error));
    pair.Set(1u, Napi::String::New(env, doing));
    return pair;
  }
};

// Calls `function` again for as long as a signal interrupts it. The result, or the negative errno.
template <typename Function>
auto Uninterrupted(Function function) -> decltype(function()) {
  for (;;) {
    const auto result = function();
    if (result >= 0) return result;
    if (errno != EINTR) return -errno;
  }
}

template <typename Value>
int SetOption(int fd, int level, int name, const Value& value) {
  return setsockopt(fd, level, name, &value, sizeof(value));
}

// Reads and clears the error that the kernel noted on a socket; 0 where there is none.
inline int TakeSocketError(int fd) {
  int error = 0;
  socklen_t length = sizeof(error);
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0) return errno;
  return error;
}

// The size of a receive buffer in bytes, beyond net.core.rmem_max where the process has CAP_NET_ADMIN.
inline int SetReceiveBuffer(int fd, int bytes) {
  if (SetOption(fd, SOL_SOCKET, SO_RCVBUFFORCE, bytes) == 0) return 0;
  return SetOption(fd, SOL_SOCKET, SO_RCVBUF, bytes);
}

}  // namespace multihomed

#endif  // MULTIHOMED_SYSTEM_H_
