import type { Note } from '../../agent/core/event';
import type { BeaconRules } from './beacon-rules';
import type { Clock } from './clock';
import type { ClusterOptions } from './cluster';
import type { Host } from './host';
import { Violation } from './violation';
import type { Ways } from './ways';

/** Why an agent takes a path to be down that it has asked, and not its own link or the word of another. */
const JUDGEMENTS: readonly string[] = ['silence', 'hint', 'beacon-silence'];
/** How much later than all latencies something may happen, in ms. */
const SLACK = 1;

/** The rule that no path is taken to be down without a cause on the wire. */
export class Blame {
  /** when a host last judged a path by itself, by host, peer and plane */
  private readonly judgements = new Map<string, number>();
  /** when a host last withheld a link, by host and link */
  private readonly withholdings = new Map<string, number>();

  constructor(
    private readonly clock: Clock,
    private readonly options: ClusterOptions,
    private readonly ways: Ways,
    private readonly beacons: BeaconRules,
  ) {}

  /** An agent tells something. */
  told(host: Host, note: Note): void {
    const { event, fields } = note;
    if (event === 'drained' || event === 'drain-resumed')
      this.withholdings.set(`${host.name} ${fields.link}`, this.clock.now);
    if (fields.from === 'down')
      this.judgements.set(`${host.name} ${fields.peer} ${fields.plane}`, this.clock.now);
    // What a former run of the agent left is not trusted, whatever the reason was.
    if (event !== 'path-down' || fields.cause === 'adopted') return;
    // Our own drain is over, and it is what it was before.
    if (fields.from === 'drained') return;
    // Whoever follows the word of another that it isn't heard asks first, but where that has just judged.
    const judged = JUDGEMENTS.includes(String(fields.cause)) || fields.from === 'suspect';
    if (judged) this.judgements.set(`${host.name} ${fields.peer} ${fields.plane}`, this.clock.now);
    this.check(host, note);
  }

  /** No path is down that was healthy since before the trouble that it is said to have begun with. */
  private check(host: Host, note: Note): void {
    const { causedAt, fields } = note;
    const stream = this.ways.streams.find(
      ({ source, destination }) => source === host && destination.name === fields.peer,
    )!;
    const { destination } = stream;
    const plane = host.links.findIndex(({ name }) => name === fields.link);
    const passingSince = this.ways.of(stream).passingSince[plane];
    const trouble = host.toWorld(causedAt!);
    const { registry } = host.agent!.core;
    const paths = registry.paths.get(registry.peerNamed(destination.name)!)!;
    const path = paths.find(({ link }) => link === fields.link)!;
    // The far end's address changed, and nobody was there to tell or to hear it.
    const asksAnother = path.mac !== undefined && path.mac !== destination.link(plane).mac;
    if (passingSince === undefined || asksAnother) return;
    // By which of its links a host answers there is another rule's: one that can't be heard may have heard the request first.
    if (destination.agent?.core.planesJoined(destination.toHost(this.clock.now))) return;
    const withdrawn = fields.cause === 'withdrawn' || fields.cause === 'drained';
    if (withdrawn && this.beacons.disbelieves(host, destination)) return;
    // Whose beacons count for those of a former run is heard by his answers alone.
    if (fields.cause === 'not-heard' && this.beacons.disbelieves(destination, host)) return;
    if (fields.cause === 'not-heard' && this.isFollowing(host, destination, note, passingSince)) return;
    // What a host says of its link on one plane comes by all the others as well.
    const ways = withdrawn ? host.links.map((_, index) => index) : [plane];
    if (ways.some((way) => this.isDisturbed(host, destination, way, trouble))) return;
    const { delay, jitter } = this.options.conditions;
    // Whoever makes a host a peer may read an older one of its steady beacons.
    const unread = withdrawn && fields.from === 'unknown' ? 2 * this.options.beacons!.options.interval : 0;
    const late = unread + 2 * this.options.latency + delay + jitter + SLACK;
    if (Math.max(passingSince, this.toldSince(host, destination, note)) >= trouble - late) return;
    const what = `${host.name} takes ${fields.peer} to be down on ${fields.plane} (${fields.cause})`;
    const when = `since ${trouble.toFixed(3)}; it was healthy since ${passingSince.toFixed(3)}`;
    throw new Violation('blame', this.clock.now, `${what} ${when}`);
  }

  /**
   * Since when what a host says of its links, or of whom it hears, can be expected to be true, and to be read in time: who stood still, or is
   * slow, tells or hears what happened meanwhile, and a link may have been withheld for a moment alone.
   */
  private toldSince(host: Host, peer: Host, { fields }: Note): number {
    const notHeard = fields.cause === 'not-heard';
    if (!notHeard && fields.cause !== 'withdrawn' && fields.cause !== 'drained') return 0;
    const agents = [peer.agent, host.agent];
    if (agents.some((agent) => agent?.hindered)) return Number.POSITIVE_INFINITY;
    const withheldAt = notHeard ? 0 : (this.withholdings.get(`${peer.name} ${fields.link}`) ?? 0);
    return Math.max(withheldAt, ...agents.map((agent) => agent?.runningSince ?? 0));
  }

  /**
   * Whether a host takes a path to be down that its far end has just judged, or that was down there until now: that says so at once, or when it
   * may say something again.
   */
  private isFollowing(host: Host, peer: Host, { fields }: Note, passingSince: number): boolean {
    const { beacons, latency, conditions, probe } = this.options;
    const { delay, jitter, held } = conditions;
    const { now } = this.clock;
    const wait = beacons!.options.interval + 2 * latency + delay + jitter + held + SLACK;
    if (now - (this.judgements.get(`${peer.name} ${host.name} ${fields.plane}`) ?? 0) <= wait) return true;
    const registry = peer.agent?.core.registry;
    const known = registry?.peerNamed(host.name);
    const back = known && registry?.paths.get(known)?.find(({ link }) => link === fields.link);
    if (back?.arp.judgedAt === undefined) return false;
    // While it is down it is asked each interval, and said to be heard as long as its beacons come: what went unanswered, or the beacon that
    // is missing, left before the way was healthy.
    const judgedAt = peer.toWorld(back.arp.judgedAt);
    const asked = judgedAt - probe.interval - 2 * latency - SLACK;
    return (
      now - judgedAt <= probe.interval + wait && passingSince >= Math.min(asked, now - wait - probe.retry)
    );
  }

  /** Whether a frame between our card on a plane and the peer was lost by chance or with an agent, or very late, since shortly before the trouble began. */
  private isDisturbed(host: Host, peer: Host, plane: number, trouble: number): boolean {
    const { port } = host.link(plane);
    const { unreliable, changedAt } = port.backplane;
    const lostAt = peer.links.map(({ port: other }) =>
      Math.max(port.lossFrom.get(other) ?? 0, other.lossFrom.get(port) ?? 0),
    );
    const since = trouble - this.options.probe.interval - SLACK;
    return unreliable || changedAt >= trouble || Math.max(...lostAt, peer.answererEndedAt) >= since;
  }
}
