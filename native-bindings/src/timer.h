#ifndef MULTIHOMED_TIMER_H_
#define MULTIHOMED_TIMER_H_

#include <napi.h>

#include "poller.h"

namespace multihomed {

// A timer on CLOCK_MONOTONIC (timerfd_create(2)) with the precision of the kernel's own, as timer.ts uses it; those of libuv tick in
// whole milliseconds. Methods return a negative errno where the system call failed, and -EBADF once closed.
class Timer : public Napi::ObjectWrap<Timer> {
 public:
  static Napi::Function Define(Napi::Env env);

  explicit Timer(const Napi::CallbackInfo& info);

 private:
  // (fired: () => void, error: (errno) => void): [errno, doing] | undefined
  Napi::Value Open(const Napi::CallbackInfo& info);
  // (at: ms on CLOCK_MONOTONIC; 0 stops it): 0
  Napi::Value Set(const Napi::CallbackInfo& info);
  // (): takes note of an expiry, so that `fired` is not called again for it
  Napi::Value Acknowledge(const Napi::CallbackInfo& info);
  void Close(const Napi::CallbackInfo& info);

  Poller* poller_ = nullptr;
  int fd_ = -1;
};

}  // namespace multihomed

#endif  // MULTIHOMED_TIMER_H_
