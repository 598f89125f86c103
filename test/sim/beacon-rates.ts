import type { Note } from '../../agent/core/event';
import type { Clock } from './clock';
import type { ClusterOptions } from './cluster';
import type { Host } from './host';
import { Violation } from './violation';

/** Frames of a link loss on each other link, and their repetitions. */
const WITHDRAWALS = 3;

/** The rule that bounds how many beacons a host sends in a second. */
export class BeaconRates {
  private readonly frames = new Map<Host, number>();
  /** changes of links and starts of agents since frames were last counted, and those of whom a path changed */
  private readonly changes = new Map<Host, number>();
  private readonly unsteady = new Set<Host>();

  constructor(
    private readonly clock: Clock,
    private readonly options: ClusterOptions,
  ) {}

  sent(host: Host): void {
    this.frames.set(host, (this.frames.get(host) ?? 0) + 1);
  }

  /** An agent starts, or one of its links is another one now. */
  changed(host: Host): void {
    this.changes.set(host, (this.changes.get(host) ?? 0) + 1);
  }

  /** An agent tells something. */
  told(host: Host, { event }: Note): void {
    if (LINK_EVENTS.includes(event)) this.changed(host);
    if (event.startsWith('path-')) this.unsteady.add(host);
  }

  /** Counts what was sent in the last `window` ms. */
  count(window: number): void {
    const { beacons, planes } = this.options;
    if (beacons === undefined) return;
    for (const [host, frames] of this.frames) {
      const beats = window / beacons.options.interval + 2;
      const changes = this.changes.get(host) ?? 0;
      const paths = host.agent && [...host.agent.core.registry.allPaths()];
      const isUp = paths?.every(({ state }) => state === 'up') === true;
      const isCalm = changes === 0 && !this.unsteady.has(host) && isUp;
      // Beside the steady ones, what becomes of a path may be told four times in an interval, but not in the next two.
      const limit = planes * ((isCalm ? 1 : 2.5) * beats + WITHDRAWALS * changes);
      if (frames <= limit) continue;
      const what = `${host.name} sent ${frames} beacons in a second; ${limit} are its limit`;
      throw new Violation('beacons', this.clock.now, what);
    }
    this.frames.clear();
    this.changes.clear();
    this.unsteady.clear();
  }
}

/** What an agent tells of a link whose state or address changed. */
const LINK_EVENTS: readonly string[] = [
  'link-appeared',
  'link-gone',
  'link-replaced',
  'link-up',
  'link-down',
  'carrier-back',
  'carrier-lost',
  'link-mac-changed',
  'drained',
  'undrained',
  'drain-overridden',
  'drain-resumed',
];
