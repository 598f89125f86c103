#include "echo_filter.h"

#include <linux/filter.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace multihomed {

namespace {

// How far a conditional jump reaches.
constexpr size_t kMostAnswers = 255;
// Of identifier and sequence in the ICMP message (RFC 792).
constexpr uint32_t kAnswerOffset = 4;
constexpr uint32_t kWholePacket = 0x40000;

std::vector<sock_filter> BuildFilter(const uint32_t* answers, size_t count) {
  std::vector<sock_filter> program;
  // A raw socket's packets begin with their IPv4 header, whose length comes first here. One too short for a load is refused.
  program.push_back(BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0));
  program.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_IND, kAnswerOffset));
  for (size_t index = 0; index < count; index++) {
    program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, answers[index], static_cast<uint8_t>(count - index), 0));
  }
  program.push_back(BPF_STMT(BPF_RET | BPF_K, 0));
  if (count > 0) program.push_back(BPF_STMT(BPF_RET | BPF_K, kWholePacket));
  return program;
}

}  // namespace

Napi::Value EchoFilter(const Napi::CallbackInfo& info) {
  const auto answers = info[0].As<Napi::Uint32Array>();
  const size_t count = answers.ElementLength();
  if (count > kMostAnswers) throw Napi::RangeError::New(info.Env(), "more than 255 answers");
  const std::vector<sock_filter> program = BuildFilter(answers.Data(), count);
  auto memory = Napi::ArrayBuffer::New(info.Env(), sizeof(sock_fprog) + program.size() * sizeof(sock_filter));
  auto* filter = static_cast<sock_fprog*>(memory.Data());
  filter->len = static_cast<unsigned short>(program.size());
  filter->filter = reinterpret_cast<sock_filter*>(filter + 1);
  std::copy(program.begin(), program.end(), filter->filter);
  return Napi::Uint8Array::New(info.Env(), sizeof(sock_fprog), memory, 0);
}

}  // namespace multihomed
