/** The rules that hold at every moment of every run, whatever fails, by name; the promises are those of docs/promises.md. */
export const RULES = {
  'kernel-failover': 'a lost carrier on our own link costs no packet while another route stands (promise 1)',
  'one-step': 'a path that goes down costs one kernel operation for each alias (promise 2)',
  'no-route': 'no peer is without a route while a link could carry one (promise 3)',
  'last-route': 'no step takes the only route to a peer (promise 3)',
  'foreign-route': 'no packet for an alias leaves by a route of somebody else (promise 3)',
  adoption: 'the start of an agent loses no packet that arrived before (promise 4)',
  residue: 'after everything is mended the tables hold what they should, and nothing else (promises 4 and 5)',
  blame: 'no path is taken to be down without a cause on the wire (promise 6)',
  flap: 'while nothing fails, no path and no active plane changes but by its return',
  unreached: 'a host to which a way is healthy is reached within the bound',
  'dead-route': 'no route by a way that is dead longer than the bound, while a live one exists',
  'calm-loss': 'after everything is mended every packet arrives',
  disagreement: 'hosts that hear each other agree by which plane packets go',
  'answer-missing': 'every request for an alias is answered where somebody was there all the time',
  'answer-twice': 'every request for an alias is answered once',
  'withdrawn-route': 'no route by a link that its host has withdrawn, while another way leads there',
  'drained-route': 'no route by a drained link of our own, while another way leads there',
  'drained-use': 'nobody sends to a drained link for longer than it takes to notice',
  'epoch-back': 'no beacon of a former run is believed',
  'epoch-ignored': 'the beacons of a host that has started anew are believed at once',
  'beacons-missed': 'no beacon is missed that came',
  'forgotten-early': 'no discovered host is forgotten before its time',
  'forgotten-late': 'no discovered host is remembered after its time',
  'joined-unnoticed': 'planes that are joined are taken for that',
  frames: 'ARP frames a second and host are bounded',
  beacons: 'beacons a second and host are bounded',
  'wake-ups': 'wake-ups of the agent a second are bounded: no busy loop',
  memory: 'what the agent remembers is bounded by hosts and planes (promise 7)',
  exception: 'nothing is thrown (promise 8)',
} as const;

export type Rule = keyof typeof RULES;

/** One of the rules that always hold was broken. */
export class Violation extends Error {
  override readonly name = 'Violation';

  /** @param now ms of the world */
  constructor(
    readonly rule: Rule,
    now: number,
    what: string,
  ) {
    super(`${rule} at ${now.toFixed(3)} ms: ${what}`);
  }
}
