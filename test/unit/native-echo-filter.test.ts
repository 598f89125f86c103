import { endianness } from 'node:os';
import { addon } from '../../native-bindings/addon';
import { encodeEcho, encodeIpv4 } from '../../native-bindings/icmp-echo';

/** struct sock_filter (linux/filter.h) */
interface Instruction {
  readonly code: number;
  readonly onTrue: number;
  readonly onFalse: number;
  readonly operand: number;
}

/** The program behind a struct sock_fprog, in whose memory it lies. */
function programOf(filter: Uint8Array): Instruction[] {
  const little = endianness() === 'LE';
  const view = new DataView(filter.buffer);
  return Array.from({ length: view.getUint16(0, little) }, (_, index) => {
    const at = filter.length + index * 8;
    return {
      code: view.getUint16(at, little),
      onTrue: view.getUint8(at + 2),
      onFalse: view.getUint8(at + 3),
      operand: view.getUint32(at + 4, little),
    };
  });
}

/** How much of a packet a program lets through, as the kernel runs it (net/core/filter.c). */
function run(program: readonly Instruction[], packet: Uint8Array): number {
  let accumulator = 0;
  let index = 0;
  for (let at = 0; ; at++) {
    const { code, onTrue, onFalse, operand } = program[at]!;
    if (code === 0x06) return operand;
    if (code === 0xb1) index = (packet[operand]! & 0xf) * 4;
    else if (code === 0x15) at += accumulator === operand ? onTrue : onFalse;
    else {
      expect(code).toBe(0x40);
      if (index + operand + 4 > packet.length) return 0;
      accumulator = new DataView(packet.buffer).getUint32(index + operand);
    }
  }
}

const packet = (identifier: number, sequence: number): Uint8Array =>
  encodeIpv4(encodeEcho(identifier, sequence), '192.0.2.1');

test('only what is awaited is let in', () => {
  const answers = [0x4d48_0000, 0x4d48_0007, 0x4d48_ffff, 0xffff_0007];
  const program = programOf(addon().echoFilter(Uint32Array.from(answers)));
  const taken = [0x4d47, 0x4d48, 0x4d49, 0xffff].flatMap((identifier) =>
    [0, 1, 6, 7, 8, 0xffff]
      .filter((sequence) => run(program, packet(identifier, sequence)) >= 0x10000)
      .map((sequence) => identifier * 0x10000 + sequence),
  );
  expect(taken).toEqual(answers);
});

test('where nothing is awaited, nothing is let in', () => {
  const program = programOf(addon().echoFilter(new Uint32Array()));
  expect(run(program, packet(0, 0))).toBe(0);
});

test('the length of the IPv4 header counts, and a packet that is cut is kept out', () => {
  const program = programOf(addon().echoFilter(Uint32Array.of(0x4d48_0007)));
  const whole = packet(0x4d48, 7);
  const options = Uint8Array.from([...whole.subarray(0, 20), 1, 1, 1, 1, ...whole.subarray(20)]);
  options[0] = 0x46;
  expect(run(program, options)).toBeGreaterThan(0);
  expect(run(program, whole.slice(0, 28))).toBeGreaterThan(0);
  expect(run(program, whole.slice(0, 27))).toBe(0);
});

test('up to 255 answers are awaited at once', () => {
  const answers = Uint32Array.from({ length: 255 }, (_, sequence) => 0x4d48_0000 + sequence);
  const program = programOf(addon().echoFilter(answers));
  const taken = Array.from({ length: 257 }, (_, sequence) => run(program, packet(0x4d48, sequence)) > 0);
  expect(taken.filter(Boolean)).toHaveLength(255);
  expect(taken.slice(255)).toEqual([false, false]);
  expect(() => addon().echoFilter(new Uint32Array(256))).toThrow('more than 255 answers');
});
