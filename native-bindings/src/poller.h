#ifndef MULTIHOMED_POLLER_H_
#define MULTIHOMED_POLLER_H_

#include <napi.h>
#include <uv.h>

namespace multihomed {

// Watches one socket on the event loop and calls JavaScript when it is readable (level-triggered) or when the kernel
// noted an error on it; without a `readable`, only for the latter. Owns the socket from Start on. It lives on the heap
// until libuv has let go of it, which is after Close.
class Poller {
 public:
  // `error` is called with a positive errno. Where libuv cannot watch the descriptor it stays the caller's, the result
  // is the errno, and `poller` is left alone.
  static int Start(Napi::Env env, int fd, Napi::Function readable, Napi::Function error, Poller** poller);

  // Whether `readable` is called from now on; it is from the start. Errors are reported all the same.
  void Wake(bool wanted);

  // No callback comes after this. The socket is closed on a thread of the pool: closing a packet socket waits for an
  // RCU grace period (packet_release, net/packet/af_packet.c), 8 to 16 ms in which the event loop would stand still.
  void Close();

 private:
  Poller(Napi::Env env, int fd, Napi::Function readable, Napi::Function error);
  ~Poller() = default;

  static void OnPoll(uv_poll_t* handle, int status, int events);
  static void OnHandleClosed(uv_handle_t* handle);
  static void CloseSocket(uv_work_t* work);
  static void OnSocketClosed(uv_work_t* work, int status);
  static void OnEnvironmentEnd(napi_async_cleanup_hook_handle hook, void* data);

  void Watch();
  void Call(const Napi::FunctionReference& callback, napi_value argument);

  napi_env env_;
  int fd_;
  bool closing_ = false;
  bool waking_ = true;
  uv_loop_t* loop_ = nullptr;
  uv_poll_t handle_{};
  uv_work_t work_{};
  napi_async_context context_ = nullptr;
  napi_async_cleanup_hook_handle hook_ = nullptr;
  Napi::FunctionReference readable_;
  Napi::FunctionReference error_;
};

}  // namespace multihomed

#endif  // MULTIHOMED_POLLER_H_
