#include "timer.h"

#include <sys/timerfd.h>
#include <unistd.h>

#include <cmath>
#include <cstdint>

#include "descriptor.h"
#include "system.h"

namespace multihomed {

Napi::Function Timer::Define(Napi::Env env) {
  return DefineClass(env, "Timer",
                     {
                         InstanceMethod<&Timer::Open>("open"),
                         InstanceMethod<&Timer::Set>("set"),
                         InstanceMethod<&Timer::Acknowledge>("acknowledge"),
                         InstanceMethod<&Timer::Close>("close"),
                     });
}

Timer::Timer(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Timer>(info) {}

Napi::Value Timer::Open(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (fd_ >= 0) return Failure{EALREADY, "open"}.ToValue(env);
  Descriptor timer(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
  if (!timer.valid()) return Failure{errno, "timerfd_create"}.ToValue(env);
  const int error =
      Poller::Start(env, timer.get(), info[0].As<Napi::Function>(), info[1].As<Napi::Function>(), &poller_);
  if (error != 0) return Failure{error, "uv_poll_init"}.ToValue(env);
  fd_ = timer.Release();
  return env.Undefined();
}

Napi::Value Timer::Set(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (fd_ < 0) return Napi::Number::New(env, -EBADF);
  const double at = info[0].As<Napi::Number>().DoubleValue();
  itimerspec when = {};
  const double seconds = std::floor(at / 1e3);
  when.it_value.tv_sec = static_cast<time_t>(seconds);
  when.it_value.tv_nsec = static_cast<long>((at - seconds * 1e3) * 1e6);
  const int result = timerfd_settime(fd_, TFD_TIMER_ABSTIME, &when, nullptr);
  return Napi::Number::New(env, result == 0 ? 0 : -errno);
}

Napi::Value Timer::Acknowledge(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (fd_ < 0) return Napi::Number::New(env, -EBADF);
  uint64_t expiries = 0;
  const auto result = Uninterrupted([&] { return read(fd_, &expiries, sizeof(expiries)); });
  return Napi::Number::New(env, result >= 0 ? 0 : static_cast<double>(result));
}

void Timer::Close(const Napi::CallbackInfo&) {
  if (poller_ != nullptr) poller_->Close();
  poller_ = nullptr;
  fd_ = -1;
}

}  // namespace multihomed
