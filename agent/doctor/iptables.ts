/** Reads what iptables-save(8) prints. */
import { parseIpv4 } from '../wire/address';
import type { Condition, Field, FilterChain, FilterRule, Value, Verdict } from './packet-filter';

type Growing = Omit<FilterChain, 'rules'> & { readonly rules: FilterRule[] };

/** Which of the two programs a chain is set by: that over nftables, or the old one. */
type Program = Extract<FilterChain['program'], `iptables${string}`>;

export function parseIptables(text: string, program: Program = 'iptables'): FilterChain[] {
  const chains: Growing[] = [];
  let table = '';
  for (const line of text.split('\n')) {
    table = /^\*(\S+)/.exec(line)?.[1] ?? table;
    const [, name, policy] = /^:(\S+) (\S+)/.exec(line) ?? [];
    if (name !== undefined) chains.push(newChain(program, table, name, policy!));
    const words = wordsOf(line);
    if (words[0] !== '-A') continue;
    chains
      .find((chain) => chain.table === table && chain.name === words[1])
      ?.rules.push(ruleOf(words.slice(2), line));
  }
  return chains;
}

function newChain(program: Program, table: string, name: string, policy: string): Growing {
  // A chain of the user's has no policy, and no hook.
  const hook = policy === '-' ? undefined : name.toLowerCase();
  return {
    ...{ program, family: 'ip', table, name, hook, devices: undefined, rules: [] },
    policy: policy === 'DROP' ? 'drop' : 'accept',
  };
}

/** The words of a line; a quoted text, as of a comment, is one. */
function wordsOf(line: string): string[] {
  return line.match(/"(?:[^"\\]|\\.)*"|\S+/g) ?? [];
}

const FIELDS: Readonly<Record<string, Field>> = {
  '-s': 'source',
  '-d': 'destination',
  '-i': 'iif',
  '-o': 'oif',
};
/** Matches that say nothing of which packets they take. */
const COMMENT = 'comment';

function ruleOf(words: readonly string[], line: string): FilterRule {
  const conditions: Condition[] = [];
  let verdict: Verdict = { type: 'none' };
  let negated = false;
  for (let index = 0; index < words.length; index++) {
    const word = words[index]!;
    const next = words[index + 1] ?? '';
    if (word === '!') {
      negated = true;
      continue;
    }
    const field = FIELDS[word];
    if (field !== undefined) conditions.push({ field, negated, values: [valueIn(field, next)] });
    else if (word === '-m') conditions.push(...matchOf(words.slice(index + 1)));
    else if (word === '-p' && next !== 'all') conditions.push(OTHER);
    else if (word === '-j' || word === '-g') verdict = verdictOf(word, next);
    negated = false;
  }
  return { conditions, verdict, text: `the rule \`${line}\`` };
}

const OTHER: Condition = { field: 'other', negated: false, values: [] };

/** What an extension asks, whose name is the first of the words. */
function matchOf(words: readonly string[]): Condition[] {
  const [name, ...rest] = words;
  const end = rest.findIndex((word) => word === '-m' || word === '-j' || word === '-g');
  const own = rest.slice(0, end < 0 ? undefined : end);
  if (name === COMMENT) return [];
  if (name === 'rpfilter') {
    const condition = {
      field: 'way-back',
      negated: !own.includes('--invert'),
      values: ['elsewhere'],
    } as const;
    return [own.includes('--loose') ? OTHER : condition];
  }
  const states = own[own.findIndex((word) => word === '--ctstate' || word === '--state') + 1];
  if ((name === 'conntrack' || name === 'state') && states !== undefined && own.length <= 3)
    return [{ field: 'state', negated: own[0] === '!', values: states.toLowerCase().split(',') }];
  return [OTHER];
}

function valueIn(field: Field, word: string): Value {
  if (field === 'iif' || field === 'oif') return word.replace(/\+$/, '*');
  const [quad = '', bits = '32'] = word.split('/');
  const first = parseIpv4(quad) ?? 0;
  return [first, first + 2 ** (32 - Number(bits)) - 1];
}

function verdictOf(word: string, target: string): Verdict {
  if (word === '-g') return { type: 'goto', target };
  switch (target) {
    case 'ACCEPT':
    case 'DROP':
    case 'RETURN':
      return { type: target.toLowerCase() as 'accept' | 'drop' | 'return' };
    case 'REJECT':
      return { type: 'drop' };
    case 'MASQUERADE':
    case 'SNAT':
    case 'DNAT':
    case 'REDIRECT':
    case 'NETMAP':
      return { type: 'rewrite' };
    case 'NFQUEUE':
    case 'QUEUE':
    case 'TPROXY':
      return { type: 'other' };
    default:
      // A target in capital letters that decides nothing, such as LOG; else a chain of the user's.
      return /^[A-Z0-9]+$/.test(target) && TARGETS.has(target) ? { type: 'none' } : { type: 'jump', target };
  }
}

/** Targets that let the packet go on (iptables-extensions(8)). */
const TARGETS = new Set([
  ...[
    'AUDIT',
    'CHECKSUM',
    'CLASSIFY',
    'CONNMARK',
    'CONNSECMARK',
    'CT',
    'DSCP',
    'ECN',
    'HL',
    'HMARK',
    'IDLETIMER',
  ],
  ...[
    'LED',
    'LOG',
    'MARK',
    'NFLOG',
    'NOTRACK',
    'RATEEST',
    'SECMARK',
    'SET',
    'TCPMSS',
    'TCPOPTSTRIP',
    'TOS',
    'TRACE',
    'TTL',
    'ULOG',
  ],
]);
