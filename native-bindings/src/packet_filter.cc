#include "packet_filter.h"

#include <linux/if_packet.h>

namespace multihomed {

namespace {

constexpr uint32_t kEtherTypeOffset = 12;
constexpr uint32_t kWholeFrame = 0x40000;
// The last four of the six bytes of an Ethernet source. Whoever forges these can forge all six.
constexpr uint32_t kSenderOffset = 8;
// So few are compared one by one, more by halves.
constexpr size_t kFewSenders = 4;

sock_filter Statement(unsigned code, uint32_t operand) {
  return {static_cast<uint16_t>(code), 0, 0, operand};
}

// Skips `on_true` or `on_false` instructions, as the accumulator equals the operand or not.
sock_filter JumpIfEqual(uint32_t operand, size_t on_true, size_t on_false) {
  return {static_cast<uint16_t>(BPF_JMP | BPF_JEQ | BPF_K), static_cast<uint8_t>(on_true),
          static_cast<uint8_t>(on_false), operand};
}

// Appends what accepts the senders from `begin` to before `end`, whose bytes the accumulator holds, and refuses others.
void AppendSenders(const Senders& senders, size_t begin, size_t end, std::vector<sock_filter>* program) {
  if (end - begin <= kFewSenders) {
    for (size_t index = begin; index < end; index++) program->push_back(JumpIfEqual(senders[index], end - index, 0));
    program->push_back(Statement(BPF_RET | BPF_K, 0));
    if (end > begin) program->push_back(Statement(BPF_RET | BPF_K, kWholeFrame));
    return;
  }
  const size_t middle = begin + (end - begin) / 2;
  // A conditional jump reaches 255 instructions far, an unconditional one everywhere.
  program->push_back({BPF_JMP | BPF_JGE | BPF_K, 0, 1, senders[middle]});
  const size_t jump = program->size();
  program->push_back(Statement(BPF_JMP | BPF_JA, 0));
  AppendSenders(senders, begin, middle, program);
  (*program)[jump].k = static_cast<uint32_t>(program->size() - jump - 1);
  AppendSenders(senders, middle, end, program);
}

}  // namespace

std::vector<sock_filter> BuildFilter(const std::vector<uint16_t>& ether_types, const Match& match,
                                     const Senders* senders) {
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
  if (senders == nullptr) {
    program.push_back(Statement(BPF_RET | BPF_K, kWholeFrame));
  } else {
    program.push_back(Statement(BPF_LD | BPF_W | BPF_ABS, kSenderOffset));
    AppendSenders(*senders, 0, senders->size(), &program);
  }
  return program;
}

}  // namespace multihomed
