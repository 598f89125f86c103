#include "packet_filter.h"

#include <linux/if_packet.h>

namespace multihomed {

namespace {

constexpr uint32_t kEtherTypeOffset = 12;
constexpr uint32_t kWholeFrame = 0x40000;

sock_filter Statement(unsigned code, uint32_t operand) {
  return {static_cast<uint16_t>(code), 0, 0, operand};
}

// Skips `on_true` or `on_false` instructions, as the accumulator equals the operand or not.
sock_filter JumpIfEqual(uint32_t operand, size_t on_true, size_t on_false) {
  return {static_cast<uint16_t>(BPF_JMP | BPF_JEQ | BPF_K), static_cast<uint8_t>(on_true),
          static_cast<uint8_t>(on_false), operand};
}

}  // namespace

std::vector<sock_filter> BuildFilter(const std::vector<uint16_t>& ether_types, const Match& match) {
  const size_t count = ether_types.size();
  std::vector<sock_filter> program;
  program.push_back(Statement(BPF_LD | BPF_B | BPF_ABS, SKF_AD_OFF + SKF_AD_PKTTYPE));
  program.push_back(JumpIfEqual(PACKET_OUTGOING, count + 1, 0));
  // A frame too short for a load is refused by the interpreter.
  program.push_back(Statement(BPF_LD | BPF_H | BPF_ABS, kEtherTypeOffset));
  for (size_t index = 0; index < count; index++) {
    program.push_back(JumpIfEqual(ether_types[index], count - index, 0));
  }
  program.push_back(Statement(BPF_RET | BPF_K, 0));
  if (match.mask != 0) {
    program.push_back(Statement(BPF_LD | BPF_B | BPF_ABS, match.offset));
    program.push_back(Statement(BPF_ALU | BPF_AND | BPF_K, match.mask));
    program.push_back(JumpIfEqual(match.value, 1, 0));
    program.push_back(Statement(BPF_RET | BPF_K, 0));
  }
  program.push_back(Statement(BPF_RET | BPF_K, kWholeFrame));
  return program;
}

}  // namespace multihomed
