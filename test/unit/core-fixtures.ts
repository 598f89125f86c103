import { Core } from '../../agent/core/core';
import type { Actions, CoreEvent, LinkState, Send } from '../../agent/core/event';
import type { KernelStep, KernelTable } from '../../agent/core/routing';
import type { LinkSettings } from '../../agent/core/settings';
import type { AgentPeer, FarEnd, Topology } from '../../agent/core/topology';
import { type Ipv4, type Mac, parseIpv4, parsePrefix } from '../../agent/wire/address';
import { type ArpFrame, arpReply, decodeArp, encodeArp } from '../../agent/wire/arp';

export const ip = (text: string): Ipv4 => parseIpv4(text)!;
export const prefix = (text: string) => parsePrefix(text.includes('/') ? text : `${text}/32`)!;

export const ALPHA = ip('10.78.0.1');
export const BETA = ip('10.78.0.2');
/** MAC addresses of alpha's links by plane, and of beta's. */
export const ALPHA_MACS = [0x02000000000a, 0x02000000010a] as Mac[];
export const BETA_MACS = [0x02000000000b, 0x02000000010b] as Mac[];
/** Settings of a link that need no change, under which the kernel answers. */
export const FINE: LinkSettings = {
  rpFilter: 2,
  rpFilterAll: 0,
  arpIgnore: 0,
  arpIgnoreBefore: 0,
  arpIgnoreAll: 0,
  arpFilter: 0,
  arpFilterAll: 0,
  ignoreRoutesWithLinkdown: 1,
  addressed: true,
};
export const EMPTY: KernelTable = { routes: [], neighbors: [], aliases: [] };

export const beta: AgentPeer = {
  kind: 'agent',
  name: 'beta',
  aliases: [BETA],
  planes: [0, 1],
  discovered: false,
};
export const gate: FarEnd = {
  kind: 'far-end',
  name: 'gate',
  addresses: new Map([
    [0, ip('10.77.0.254')],
    [1, ip('10.77.1.254')],
  ]),
  prefixes: [prefix('0.0.0.0/0')],
  icmp: ip('192.0.2.1'),
};

/** Alpha on two planes, as the defaults have it. */
export function topologyOf(changes: Partial<Topology> = {}): Topology {
  return {
    cluster: 'demo',
    host: 'alpha',
    planes: ['a', 'b'],
    aliases: [ALPHA],
    links: [
      { plane: 0, name: 'eth0', priority: 0 },
      { plane: 1, name: 'eth1', priority: 0 },
    ],
    peers: [beta],
    probe: { interval: 50, retry: 5, misses: 3, rise: 3, hold: 1000, hints: 60 },
    arp: { responder: 'auto', repeat: 3, spacing: 1100, refresh: 30_000 },
    route: { protocol: 77, metric: 100, table: 254, rtoMin: 5 },
    beacon: undefined,
    ...changes,
  };
}

/** The state of alpha's link on a plane; its ifindex is 2 and up. */
export function linkState(plane: number, changes: Partial<LinkState> = {}): LinkState {
  return {
    ifindex: 2 + plane,
    mac: ALPHA_MACS[plane]!,
    up: true,
    carrier: true,
    addresses: [prefix(`10.77.${plane}.1`)].map(({ address }) => ({ address, length: 24 })),
    ...changes,
  };
}

export const bothLinks = (): Map<string, LinkState> =>
  new Map([
    ['eth0', linkState(0)],
    ['eth1', linkState(1)],
  ]);

/** The ARP frames among those sent, with their links. */
export function arpOf(sends: readonly Send[]): (ArpFrame & { readonly link: string })[] {
  return sends.map(({ link, frame }) => ({ ...(decodeArp(frame) as ArpFrame), link }));
}

/** The operations of some steps, with what they are about. */
export function describeSteps(steps: readonly KernelStep[]): string[] {
  return steps.map((step) => {
    switch (step.operation) {
      case 'add-route':
      case 'remove-route':
        return `${step.operation} ${step.route.type === 'unicast' ? step.route.metric : 'guard'}`;
      case 'set-neighbor':
      case 'remove-neighbor':
        return `${step.operation} ${step.neighbor.device}`;
      default:
        return step.operation;
    }
  });
}

/** A core with its peer, of which each link can be silent. */
export class Pair {
  readonly core: Core;
  now = 0;
  silent = new Set<string>();
  /** all steps since the start */
  readonly steps: KernelStep[] = [];
  macs = BETA_MACS;

  constructor(
    topology = topologyOf(),
    links = bothLinks(),
    table = EMPTY,
    drains: ReadonlyMap<string, number> = new Map(),
  ) {
    this.core = new Core(topology, 0);
    this.core.resume(drains, 0);
    this.first = this.carryOut(this.core.start(links, table, 0));
  }

  /** what the start led to */
  readonly first: Actions;

  /** Hands an event over and answers what is asked, at once; everything that followed. */
  handle(event: CoreEvent): Actions {
    return this.carryOut(this.core.handle(event, this.now));
  }

  /** Lets time pass; everything that followed. */
  run(until: number): Actions {
    const all: Actions[] = [];
    while (this.core.wakeAt <= until) {
      this.now = Math.max(this.now, this.core.wakeAt);
      all.push(this.handle({ type: 'tick' }));
    }
    this.now = until;
    return join(all);
  }

  /** Hands over a frame that arrives on a link. */
  receive(link: string, frame: ArpFrame): Actions {
    const received = { bytes: encodeArp(frame), at: this.now, kind: 'host', vlan: false } as const;
    return this.handle({ type: 'frames', link, frames: [received] });
  }

  private carryOut(actions: Actions): Actions {
    this.core.sent(this.now, this.now);
    this.steps.push(...actions.steps);
    const plane = (link: string) => this.core.topology.links.find(({ name }) => name === link)!.plane;
    const answers = arpOf(actions.sends)
      .filter((frame) => frame.operation === 'request' && frame.senderIp !== frame.targetIp)
      .filter(({ link }) => !this.silent.has(link))
      .map(({ link, ...request }) => this.receive(link, arpReply(request, this.macs[plane(link)]!)));
    return join([actions, ...answers]);
  }
}

function join(all: readonly Actions[]): Actions {
  return {
    hints: all.flatMap(({ hints }) => hints),
    steps: all.flatMap(({ steps }) => steps),
    sends: all.flatMap(({ sends }) => sends),
    echoes: all.flatMap(({ echoes }) => echoes),
    screens: all.flatMap(({ screens }) => screens),
    notes: all.flatMap(({ notes }) => notes),
  };
}
