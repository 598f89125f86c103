#ifndef MULTIHOMED_ECHO_FILTER_H_
#define MULTIHOMED_ECHO_FILTER_H_

#include <napi.h>

namespace multihomed {

// echoFilter(answers: Uint32Array): Uint8Array. The argument of SO_ATTACH_FILTER (a sock_fprog) for a raw ICMP socket that lets through
// only messages whose identifier and sequence, as one number of 32 bits, are among `answers`: at most 255, else RangeError. It points at a
// program behind it in its own memory, so a copy of it is good only while it lives.
Napi::Value EchoFilter(const Napi::CallbackInfo& info);

}  // namespace multihomed

#endif  // MULTIHOMED_ECHO_FILTER_H_
