import type { Ipv4 } from '../wire/address';
import { encodeBeacon, type StatedLink } from '../wire/beacon';
import { ETHERNET_HEADER } from '../wire/ethernet';
import type { Link } from './link';
import type { Outbox } from './outbox';
import type { Registry } from './registry';
import type { Seal } from './seal';
import { Statement } from './statement';
import type { Topology } from './topology';

/** With what this host speaks: its boot epoch, and the cluster's keys. */
export interface Credentials {
  /** ms since 1970 at the agent's start, or more, so that it grows from start to start */
  readonly epoch: number;
  readonly seal: Seal;
}

/** Makes our beacons: what this host has, and whom it hears. */
export class Speaking {
  /** of the last beacon that was sent, on whichever link */
  sequence = 0;
  /** whom we said to hear, by link */
  private readonly statements = new Map<string, Statement>();

  constructor(
    private readonly registry: Registry,
    private readonly outbox: Outbox,
    private readonly topology: () => Topology,
    private readonly count: (what: string) => void,
  ) {}

  /** Sends the beacons that are due on all links; those that others wait for go `ahead` of everything else. */
  speak(credentials: Credentials, now: number, ahead: boolean): void {
    for (const link of this.registry.links.values()) {
      const due = link.beaconing.tick(now);
      if (due === undefined) continue;
      const frame = this.frame(link, due === 'urgent', credentials);
      if (frame === undefined) continue;
      this.count('beacons');
      if (ahead) this.outbox.hint(link.name, frame);
      else this.outbox.send(link.name, frame);
    }
  }

  private frame(link: Link, urgent: boolean, { epoch, seal }: Credentials): Uint8Array | undefined {
    const { cluster, host, aliases, beacon } = this.topology();
    // A link that is gone has no address to state; that it isn't stated says that it is down.
    const present = [...this.registry.links.values()].filter(({ state }) => state !== undefined);
    if (link.state === undefined || beacon === undefined) return undefined;
    const hosts = this.heardOn(link);
    const statement = this.statementOn(link);
    // What was judged before we stood still, or before the link was lost and is back, may be outdated.
    const isJudged = (host: Ipv4) =>
      (this.registry.pathTo(link, host)?.arp.judgedAt ?? Number.NEGATIVE_INFINITY) >=
      link.beaconing.punctualSince;
    const heard = statement.next(hosts, urgent, isJudged);
    this.sequence += 1;
    const unsigned = encodeBeacon(
      {
        urgent,
        keyId: seal.keyId,
        epoch,
        sequence: this.sequence,
        interval: Math.round(beacon.interval * 1000),
        cluster,
        host,
        aliases,
        links: present.map((each) => this.stated(each)),
        sentOn: present.indexOf(link),
        heard,
      },
      link.state.mac,
      beacon.etherType,
      link.state.mtu,
    );
    statement.sent(heard, unsigned.heardTo, hosts);
    seal.sign(unsigned.bytes, ETHERNET_HEADER, unsigned.signed);
    return unsigned.bytes;
  }

  private stated(link: Link): StatedLink {
    const { planes } = this.topology();
    return {
      plane: planes[link.place.plane]!,
      priority: link.place.priority,
      state: link.works ? (link.withheld ? 'drained' : 'up') : 'down',
      mac: link.state!.mac,
    };
  }

  /** Whom we hear on a link, ascending. */
  private heardOn(link: Link): readonly Ipv4[] {
    const hosts: Ipv4[] = [];
    for (const path of this.registry.pathsOver(link)) if (path.heard) hosts.push(path.target);
    return hosts.sort((one, other) => one - other);
  }

  private statementOn({ name }: Link): Statement {
    const known = this.statements.get(name);
    if (known !== undefined) return known;
    const statement = new Statement();
    this.statements.set(name, statement);
    return statement;
  }
}
