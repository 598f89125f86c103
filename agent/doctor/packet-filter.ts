/** A firewall's chains as far as they can be judged without packets, whichever program set them. */
import type { Ipv4 } from '../wire/address';

/** What a condition looks at. `way-back`: `here` where the way back to the sender leaves by the link, else `elsewhere`; `other`: what can't be judged. */
export type Field =
  | 'iif'
  | 'oif'
  | 'source'
  | 'destination'
  | 'ether-type'
  | 'arp-operation'
  | 'family'
  | 'state'
  | 'way-back'
  | 'other';

/** A value, or the first and last of a range. Names may end with `*`. */
export type Value = string | number | readonly [first: number, last: number];

export interface Condition {
  readonly field: Field;
  readonly negated: boolean;
  readonly values: readonly Value[];
}

export type Verdict =
  | { readonly type: 'accept' | 'drop' | 'return' | 'none' }
  /** an address is changed */
  | { readonly type: 'rewrite' }
  /** somebody else decides, such as a program behind a queue */
  | { readonly type: 'other' }
  | { readonly type: 'jump' | 'goto'; readonly target: string };

export interface FilterRule {
  readonly conditions: readonly Condition[];
  readonly verdict: Verdict;
  /** how to find it: its handle, or its text */
  readonly text: string;
}

export interface FilterChain {
  readonly program: 'nft' | 'iptables' | 'iptables-legacy';
  /** `arp`, `netdev`, `inet` or `ip` */
  readonly family: string;
  readonly table: string;
  readonly name: string;
  /** in lower case; undefined for a chain that others jump to */
  readonly hook: string | undefined;
  readonly policy: 'accept' | 'drop';
  /** interfaces of a netdev chain; undefined for all */
  readonly devices: readonly string[] | undefined;
  readonly rules: readonly FilterRule[];
}

/** A packet as a rule sees it: of a new session, to a port that no rule is likely to name. */
export interface Packet {
  readonly kind: 'arp' | 'traffic' | 'beacon';
  readonly direction: 'in' | 'out';
  readonly link: string;
  readonly etherType: number;
  /** the sender's protocol address; undefined for a beacon */
  readonly source: Ipv4 | undefined;
  readonly destination: Ipv4 | undefined;
  readonly operation: 'request' | 'reply' | undefined;
  /** comes in by another link than the one by which we send to its sender */
  readonly detour: boolean;
}

/** What a chain surely does with a packet; `unknown` where it depends on what can't be judged. `by` is the rule, or the policy. */
export interface Fate {
  readonly type: 'accept' | 'drop' | 'rewrite' | 'unknown';
  readonly by: string;
}

/** Chains that jump in a circle are refused by the kernel; this bounds the work on what was read wrongly. */
const DEEPEST = 16;

/** What becomes of a packet in a chain with a hook. */
export function fateIn(chain: FilterChain, chains: readonly FilterChain[], packet: Packet): Fate {
  const walk = new Walk(chain, chains, packet);
  const end = walk.through(chain, 0);
  const fate = end === undefined || end.type === 'return' ? { type: chain.policy, by: 'its policy' } : end;
  // Something before may have accepted the packet.
  return walk.doubtful && fate.type !== 'accept' ? { type: 'unknown', by: fate.by } : fate;
}

type End = Fate | { readonly type: 'return' } | undefined;

class Walk {
  /** a rule that can't be judged may have ended it before */
  doubtful = false;

  constructor(
    private readonly base: FilterChain,
    private readonly chains: readonly FilterChain[],
    private readonly packet: Packet,
  ) {}

  through(chain: FilterChain, depth: number): End {
    for (const { conditions, verdict, text } of chain.rules) {
      const matched = matches(conditions, this.packet);
      if (matched === false || verdict.type === 'none') continue;
      if (matched === undefined) {
        if (verdict.type !== 'drop') this.doubtful = true;
        continue;
      }
      const end = this.carryOut(verdict, `${text} of ${chain.name}`, depth);
      if (end !== undefined) return end;
    }
    return undefined;
  }

  private carryOut(verdict: Verdict, by: string, depth: number): End {
    switch (verdict.type) {
      case 'accept':
      case 'drop':
      case 'rewrite':
        return { type: verdict.type, by };
      case 'return':
        return { type: 'return' };
      case 'jump':
      case 'goto': {
        const { family, table, program } = this.base;
        const target = this.chains.find(
          (one) =>
            one.program === program &&
            one.family === family &&
            one.table === table &&
            one.name === verdict.target,
        );
        if (target === undefined || depth >= DEEPEST) return { type: 'unknown', by };
        const end = this.through(target, depth + 1);
        if (end !== undefined && end.type !== 'return') return end;
        return verdict.type === 'goto' ? { type: 'return' } : undefined;
      }
      default:
        return { type: 'unknown', by };
    }
  }
}

/** Whether all conditions hold; undefined where that can't be judged. */
function matches(conditions: readonly Condition[], packet: Packet): boolean | undefined {
  let result: boolean | undefined = true;
  for (const condition of conditions) {
    const one = holds(condition, packet);
    if (one === false) return false;
    if (one === undefined) result = undefined;
  }
  return result;
}

function holds({ field, negated, values }: Condition, packet: Packet): boolean | undefined {
  const seen = valueIn(field, packet);
  if (seen === undefined) return undefined;
  return values.some((value) => equals(value, seen)) !== negated;
}

function valueIn(field: Field, packet: Packet): string | number | undefined {
  switch (field) {
    case 'iif':
      return packet.direction === 'in' ? packet.link : '';
    case 'oif':
      return packet.direction === 'out' ? packet.link : '';
    case 'source':
      return packet.source;
    case 'destination':
      return packet.destination;
    case 'ether-type':
      return packet.etherType;
    case 'arp-operation':
      return packet.operation;
    case 'family':
      return packet.kind === 'traffic' ? 'ipv4' : packet.kind;
    case 'state':
      return 'new';
    case 'way-back':
      return packet.detour ? 'elsewhere' : 'here';
    default:
      return undefined;
  }
}

function equals(value: Value, seen: string | number): boolean {
  if (typeof value === 'object') return typeof seen === 'number' && value[0] <= seen && seen <= value[1];
  if (typeof value === 'string' && typeof seen === 'string' && value.endsWith('*'))
    return seen.startsWith(value.slice(0, -1));
  return value === seen;
}
