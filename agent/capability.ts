import { readFileSync } from 'node:fs';

/** Bits of the capabilities that the daemon needs (linux/capability.h). */
const NEEDED: ReadonlyMap<string, number> = new Map([
  ['CAP_NET_ADMIN', 12],
  ['CAP_NET_RAW', 13],
]);

/** The names of the needed capabilities that this process doesn't have. */
export function missingCapabilities(): string[] {
  const line = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'));
  const effective = BigInt(`0x${line?.[1] ?? '0'}`);
  return [...NEEDED].filter(([, bit]) => ((effective >> BigInt(bit)) & 1n) === 0n).map(([name]) => name);
}
