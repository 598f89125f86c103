import type { Ipv4 } from '../wire/address';
import { type ArpFrame, arpAnnouncement, arpReply, arpRequest, encodeArp } from '../wire/arp';
import type { Link } from './link';
import type { Liveness } from './liveness';
import type { Outbox } from './outbox';
import type { Path } from './path';
import type { Registry } from './registry';

/** Makes the frames that the core wants sent, and keeps account of the requests that the shell has not sent yet. */
export class Sending {
  private unsent: { readonly path: Path; readonly liveness: Liveness }[] = [];

  constructor(
    private readonly registry: Registry,
    private readonly outbox: Outbox,
    private readonly aliases: () => readonly Ipv4[],
    private readonly count: (what: string) => void,
  ) {}

  /** Asks on a path, for the liveness of it that wants to know. */
  request(path: Path, liveness: Liveness, to: 'unicast' | 'broadcast'): void {
    this.unsent.push({ path, liveness });
    this.count('requests');
    const { peer, target } = path;
    const link = this.registry.links.get(path.link);
    if (link?.state === undefined) return;
    const own = peer.kind === 'agent' ? undefined : link.addressToward(target);
    if (liveness === path.icmp && peer.kind === 'far-end' && peer.icmp !== undefined) {
      // From the link's own address: an answer to the alias would come back by the plane that the far end prefers.
      this.outbox.echo({ link: path.link, target: peer.icmp, source: own });
      return;
    }
    const mac = to === 'unicast' ? path.mac : undefined;
    this.outbox.send(
      link.name,
      encodeArp(arpRequest(link.state.mac, own ?? this.aliases()[0]!, target, mac)),
    );
  }

  /** The shell has sent everything between `before` and `after` ms. */
  sent(before: number, after: number): void {
    for (const { path, liveness } of this.unsent) {
      liveness.sent(before, after);
      this.registry.agenda.update(path);
    }
    this.unsent = [];
  }

  /** Answers a request with the address of the link on which it was asked. */
  reply(link: Link, request: ArpFrame): void {
    if (link.state !== undefined) this.outbox.send(link.name, encodeArp(arpReply(request, link.state.mac)));
  }

  /** Announces one alias on a link that serves, at once. */
  defend(link: Link, alias: Ipv4): void {
    if (link.state !== undefined && link.serves)
      this.outbox.send(link.name, encodeArp(arpAnnouncement(link.state.mac, alias)));
  }

  /** The announcements that are due on all links; those that others wait for go `ahead` of everything else. */
  announce(now: number, ahead: boolean): void {
    for (const link of this.registry.links.values()) {
      if (!link.announcing.tick(now) || link.state === undefined) continue;
      this.count('announcements');
      for (const alias of this.aliases()) {
        const frame = encodeArp(arpAnnouncement(link.state.mac, alias));
        if (ahead) this.outbox.hint(link.name, frame);
        else this.outbox.send(link.name, frame);
      }
    }
  }
}
