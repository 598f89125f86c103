// sources: native-bindings/src/packet_filter.cc
//
// The BPF program of a packet socket, run by an interpreter of its few instructions on any frame: it ends, jumps nowhere else, and lets
// through exactly the frames that were asked for.

#include "packet_filter.h"

#include <linux/if_packet.h>

#include <algorithm>
#include <cstdlib>
#include <optional>

namespace {

struct Frame {
  uint32_t kind;
  const uint8_t* bytes;
  size_t length;
};

// What a load puts into the accumulator; nothing where it reaches behind the frame, which refuses it (net/core/filter.c).
std::optional<uint32_t> Load(const Frame& frame, uint32_t code, uint32_t offset) {
  if (offset == static_cast<uint32_t>(SKF_AD_OFF + SKF_AD_PKTTYPE)) return frame.kind;
  const size_t width = BPF_SIZE(code) == BPF_W ? 4 : BPF_SIZE(code) == BPF_H ? 2 : 1;
  if (offset + width > frame.length) return std::nullopt;
  uint32_t value = 0;
  for (size_t index = 0; index < width; index++) value = value << 8 | frame.bytes[offset + index];
  return value;
}

size_t Skipped(const sock_filter& jump, uint32_t accumulator) {
  switch (BPF_OP(jump.code)) {
    case BPF_JA:
      return jump.k;
    case BPF_JEQ:
      return accumulator == jump.k ? jump.jt : jump.jf;
    case BPF_JGE:
      return accumulator >= jump.k ? jump.jt : jump.jf;
    default:
      abort();
  }
}

uint32_t Interpret(const std::vector<sock_filter>& program, const Frame& frame) {
  uint32_t accumulator = 0;
  for (size_t at = 0;; at++) {
    // Behind the end, which the kernel would not take either.
    const sock_filter& instruction = program.at(at);
    switch (BPF_CLASS(instruction.code)) {
      case BPF_RET:
        return instruction.k;
      case BPF_LD: {
        const auto loaded = Load(frame, instruction.code, instruction.k);
        if (!loaded) return 0;
        accumulator = *loaded;
        break;
      }
      case BPF_ALU:
        accumulator &= instruction.k;
        break;
      case BPF_JMP:
        at += Skipped(instruction, accumulator);
        break;
      default:
        abort();
    }
  }
}

// What a socket asks for.
struct Wish {
  std::vector<uint16_t> types;
  multihomed::Match match;
  std::optional<multihomed::Senders> senders;
};

bool IsWanted(const Wish& wish, const Frame& frame) {
  if (frame.kind == PACKET_OUTGOING || frame.length < 14) return false;
  const uint16_t type = frame.bytes[12] << 8 | frame.bytes[13];
  if (std::find(wish.types.begin(), wish.types.end(), type) == wish.types.end()) return false;
  const multihomed::Match& match = wish.match;
  if (match.mask != 0) {
    if (match.offset >= frame.length || (frame.bytes[match.offset] & match.mask) != match.value) return false;
  }
  if (!wish.senders) return true;
  const uint32_t sender = *Load(frame, BPF_LD | BPF_W | BPF_ABS, 8);
  return std::find(wish.senders->begin(), wish.senders->end(), sender) != wish.senders->end();
}

// Up to 1024 senders, ascending and each once; the numbers between them come from the input, and so does whether there are many.
multihomed::Senders SendersFrom(const uint8_t* bytes) {
  multihomed::Senders senders;
  uint32_t next = bytes[0] << 24 | bytes[1] << 16 | bytes[2] << 8 | bytes[3];
  for (size_t count = bytes[4] * 4u; senders.size() < count;) {
    senders.push_back(next);
    const uint32_t step = 1 + (next * 2654435761u >> 12) % (1u + bytes[5]);
    if (next + step < next) break;
    next += step;
  }
  return senders;
}

constexpr size_t kHead = 21;

}  // namespace

// The first bytes are 1 to 4 EtherTypes, the match, the kind and the senders, the rest is the frame.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < kHead) return 0;
  Wish wish;
  for (size_t index = 0; index <= (data[0] & 3u); index++) {
    wish.types.push_back(data[1 + 2 * index] << 8 | data[2 + 2 * index]);
  }
  const uint32_t mask = data[9];
  wish.match = {static_cast<uint32_t>(data[10] << 8 | data[11]), mask, data[12] & mask};
  if ((data[14] & 1) != 0) wish.senders = SendersFrom(data + 15);
  std::vector<uint8_t> bytes(data + kHead, data + size);
  // One of the senders, or what lies beside it, has sent the frame: chance would hardly hit one.
  if (wish.senders && !wish.senders->empty() && (data[14] & 2) != 0 && bytes.size() >= 12) {
    const uint32_t sender = (*wish.senders)[data[14] * 37u % wish.senders->size()] + (data[14] >> 6) - 1;
    for (size_t index = 0; index < 4; index++) bytes[8 + index] = sender >> (24 - 8 * index);
  }
  const Frame frame = {data[13] & 7u, bytes.data(), bytes.size()};
  const multihomed::Senders* senders = wish.senders ? &*wish.senders : nullptr;
  const uint32_t taken = Interpret(multihomed::BuildFilter(wish.types, wish.match, senders), frame);
  if ((taken != 0) != IsWanted(wish, frame)) abort();
  // Whole frames, the largest of which has 64 KiB and a header.
  if (taken != 0 && taken < 0x10000 + 18) abort();
  return 0;
}
