#include "poller.h"

#include <unistd.h>

#include "system.h"

namespace multihomed {

Poller::Poller(Napi::Env env, int fd, Napi::Function readable, Napi::Function error)
    : env_(env), fd_(fd), error_(Napi::Persistent(error)) {
  if (!readable.IsEmpty()) readable_ = Napi::Persistent(readable);
}

int Poller::Start(Napi::Env env, int fd, Napi::Function readable, Napi::Function error, Poller** poller) {
  auto* started = new Poller(env, fd, readable, error);
  int result = napi_get_uv_event_loop(env, &started->loop_) == napi_ok ? 0 : UV_EINVAL;
  if (result == 0) result = uv_poll_init(started->loop_, &started->handle_, fd);
  if (result != 0) {
    delete started;
    return -result;
  }
  started->handle_.data = started;
  started->work_.data = started;
  napi_async_init(env, nullptr, Napi::String::New(env, "multihomed:socket"), &started->context_);
  // Where the environment ends first (a worker thread), the handle has to be off the loop before the loop is closed.
  napi_add_async_cleanup_hook(env, OnEnvironmentEnd, started, &started->hook_);
  started->Watch();
  *poller = started;
  return 0;
}

void Poller::Close() {
  if (closing_) return;
  closing_ = true;
  readable_.Reset();
  error_.Reset();
  uv_close(reinterpret_cast<uv_handle_t*>(&handle_), OnHandleClosed);
}

void Poller::Wake(bool wanted) {
  if (wanted == waking_) return;
  waking_ = wanted;
  Watch();
}

void Poller::Watch() {
  // The kernel reports an error whatever is asked for, but libuv wants something asked. A disconnect comes to no socket
  // of ours.
  uv_poll_start(&handle_, waking_ && !readable_.IsEmpty() ? UV_READABLE : UV_DISCONNECT, OnPoll);
}

void Poller::OnPoll(uv_poll_t* handle, int status, int events) {
  auto* self = static_cast<Poller*>(handle->data);
  Napi::HandleScope scope(self->env_);
  if (status == 0) {
    if ((events & UV_READABLE) != 0) self->Call(self->readable_, nullptr);
    return;
  }
  // libuv reports POLLERR as EBADF and stops watching. For the kernel it is an event like another: reading the error
  // clears it, and the socket goes on.
  const int error = TakeSocketError(self->fd_);
  self->Watch();
  // 0: a receive or send in the meantime was given the error, and its caller knows.
  if (error != 0) self->Call(self->error_, Napi::Number::New(self->env_, error));
}

void Poller::Call(const Napi::FunctionReference& callback, napi_value argument) {
  napi_value global = nullptr;
  napi_value result = nullptr;
  napi_get_global(env_, &global);
  const napi_status status = napi_make_callback(env_, context_, global, callback.Value(), argument == nullptr ? 0 : 1,
                                                &argument, &result);
  if (status != napi_pending_exception) return;
  // There is no JavaScript below us to catch it: it is an uncaught exception, and the process decides.
  napi_value exception = nullptr;
  if (napi_get_and_clear_last_exception(env_, &exception) == napi_ok) napi_fatal_exception(env_, exception);
}

void Poller::OnHandleClosed(uv_handle_t* handle) {
  auto* self = static_cast<Poller*>(handle->data);
  {
    // Not in Close, which may run inside a callback that uses the context.
    Napi::HandleScope scope(self->env_);
    if (self->context_ != nullptr) napi_async_destroy(self->env_, self->context_);
  }
  if (uv_queue_work(self->loop_, &self->work_, CloseSocket, OnSocketClosed) == 0) return;
  CloseSocket(&self->work_);
  OnSocketClosed(&self->work_, 0);
}

void Poller::CloseSocket(uv_work_t* work) { close(static_cast<Poller*>(work->data)->fd_); }

void Poller::OnSocketClosed(uv_work_t* work, int status) {
  auto* self = static_cast<Poller*>(work->data);
  if (status == UV_ECANCELED) CloseSocket(work);
  if (self->hook_ != nullptr) napi_remove_async_cleanup_hook(self->hook_);
  delete self;
}

void Poller::OnEnvironmentEnd(napi_async_cleanup_hook_handle, void* data) { static_cast<Poller*>(data)->Close(); }

}  // namespace multihomed
