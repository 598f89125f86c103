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
  const size_t width = BPF_SIZE(code) == BPF_H ? 2 : 1;
  if (offset + width > frame.length) return std::nullopt;
  return width == 2 ? frame.bytes[offset] << 8 | frame.bytes[offset + 1] : frame.bytes[offset];
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
        at += accumulator == instruction.k ? instruction.jt : instruction.jf;
        break;
      default:
        abort();
    }
  }
}

bool IsWanted(const std::vector<uint16_t>& types, const multihomed::Match& match, const Frame& frame) {
  if (frame.kind == PACKET_OUTGOING || frame.length < 14) return false;
  const uint16_t type = frame.bytes[12] << 8 | frame.bytes[13];
  if (std::find(types.begin(), types.end(), type) == types.end()) return false;
  if (match.mask == 0) return true;
  return match.offset < frame.length && (frame.bytes[match.offset] & match.mask) == match.value;
}

}  // namespace

// The first ten bytes are 1 to 4 EtherTypes, the match and the kind, the rest is the frame.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 14) return 0;
  std::vector<uint16_t> types;
  for (size_t index = 0; index <= (data[0] & 3u); index++) types.push_back(data[1 + 2 * index] << 8 | data[2 + 2 * index]);
  const uint32_t mask = data[9];
  const multihomed::Match match = {static_cast<uint32_t>(data[10] << 8 | data[11]), mask, data[12] & mask};
  const Frame frame = {data[13] & 7u, data + 14, size - 14};
  const uint32_t taken = Interpret(multihomed::BuildFilter(types, match), frame);
  if ((taken != 0) != IsWanted(types, match, frame)) abort();
  // Whole frames, the largest of which has 64 KiB and a header.
  if (taken != 0 && taken < 0x10000 + 18) abort();
  return 0;
}
