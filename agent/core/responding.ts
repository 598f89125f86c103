import type { Mac } from '../wire/address';
import { chooseResponder, type Responder } from './answering';
import type { Link } from './link';
import type { Outbox } from './outbox';
import type { Path } from './path';
import type { KernelStep } from './routing';
import { isFiltered, type LinkSettings, settingsToChange } from './settings';
import type { ArpOptions } from './topology';

/** Our own frames heard on another link prove joined planes for this many refreshes, or spacings where there is no refresh. */
const JOINED_FOR = 3;

/** Who answers for our aliases, and which settings of the links that takes. */
export class Responding {
  responder: Responder = { acting: 'kernel', reason: 'kernel-answers', silence: false };
  /** who acted before, and until when */
  private former: Responder['acting'] = 'kernel';
  private since = Number.NEGATIVE_INFINITY;
  private settings: ReadonlyMap<string, LinkSettings> = new Map();
  /** links of which it was told that the kernel filters what comes in by them */
  private filtered: ReadonlySet<string> = new Set();
  private joinedAt = Number.NEGATIVE_INFINITY;

  constructor(
    private options: ArpOptions,
    private readonly outbox: Outbox,
  ) {}

  retime(options: ArpOptions): void {
    this.options = options;
  }

  /** One of our frames was heard on another link at `now` ms; tells it once. */
  joined(heardOn: string, now: number): void {
    const known = this.isJoined(now);
    this.joinedAt = now;
    if (known) return;
    this.outbox.note('planes-joined', { link: heardOn }, 'warn');
    this.choose(now);
  }

  isJoined(now: number): boolean {
    return now - this.joinedAt < JOINED_FOR * Math.max(this.options.refresh, this.options.spacing);
  }

  /** Who acted when the kernel received a request at `at` ms: it may have been read only after a change. */
  actingAt(at: number): Responder['acting'] {
    return at <= this.since ? this.former : this.responder.acting;
  }

  /** Takes the settings of the links as they are now, and asks for what has to change. */
  take(settings: ReadonlyMap<string, LinkSettings>, now: number): void {
    this.settings = settings;
    this.tellFiltered();
    this.choose(now);
  }

  /** Whether a request from `sender` heard on `link` is to be answered there: on joined planes every card hears it, and one answers. */
  answersOn(link: Link, sender: Mac, links: Iterable<Link>, paths: Iterable<Path>, now: number): boolean {
    if (!this.isJoined(now)) return true;
    for (const path of paths) if (path.mac === sender) return path.link === link.name;
    for (const other of links) if (other.works) return other === link;
    return false;
  }

  private tellFiltered(): void {
    const filtered = [...this.settings].filter(([, link]) => isFiltered(link)).map(([name]) => name);
    for (const link of filtered) {
      if (this.filtered.has(link)) continue;
      const mend = `give ${link} an IPv4 address, or set net.ipv4.conf.all.rp_filter=0`;
      this.outbox.note('link-filtered', { link, mend }, 'warn');
    }
    this.filtered = new Set(filtered);
  }

  private choose(now: number): void {
    const effective = [...this.settings.values()].map((link) => ({
      arpIgnore: Math.max(link.arpIgnoreBefore, link.arpIgnoreAll),
      arpIgnoreAll: link.arpIgnoreAll,
      arpFilter: Math.max(link.arpFilter, link.arpFilterAll),
    }));
    const before = this.responder;
    this.responder = chooseResponder(this.options.responder, effective, this.isJoined(now));
    if (before.acting !== this.responder.acting) {
      this.former = before.acting;
      this.since = now;
    }
    if (before.acting !== this.responder.acting || before.reason !== this.responder.reason) {
      const { acting, reason } = this.responder;
      const level = reason === 'not-silenceable' ? 'warn' : 'info';
      this.outbox.note('responder', { acting, reason }, level);
    }
    this.outbox.plan(this.changes());
  }

  private changes(): KernelStep[] {
    const { silence } = this.responder;
    return [...this.settings].flatMap(([link, current]) => {
      const steps = [...settingsToChange(current, silence)].map(
        ([setting, value]): KernelStep => ({ operation: 'change-setting', link, setting, value }),
      );
      if (!silence && current.arpIgnore !== current.arpIgnoreBefore) {
        steps.push({ operation: 'restore-setting', link, setting: 'arp_ignore' });
      }
      return steps;
    });
  }
}
