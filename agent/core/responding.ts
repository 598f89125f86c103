import type { Mac } from '../wire/address';
import type { ArpFrame } from '../wire/arp';
import { chooseResponder, type Responder } from './answering';
import { Copies, inOrder } from './copies';
import type { CoreEvent, ReceivedFrame } from './event';
import type { Link } from './link';
import type { Outbox } from './outbox';
import type { Path } from './path';
import type { KernelStep } from './routing';
import { isFiltered, isSilenceable, type LinkSettings, settingsToChange, withChanges } from './settings';
import type { ArpOptions } from './topology';

/** Our own frames heard on another link prove joined planes for this many refreshes, or spacings where there is no refresh. */
const JOINED_FOR = 3;

/** Who answers for our aliases, and which settings of the links that takes. */
export class Responding {
  responder: Responder = { acting: 'kernel', reason: 'kernel-answers', silence: false };
  /** who acted before, and until when */
  private former: Responder['acting'] = 'kernel';
  private since = Number.NEGATIVE_INFINITY;
  /** whether the settings that make another one act are still to be changed */
  private switching = false;
  private settings: ReadonlyMap<string, LinkSettings> = new Map();
  /** links of which it was told that the kernel filters what comes in by them */
  private filtered: ReadonlySet<string> = new Set();
  private readonly copies = new Copies();
  private joinedAt = Number.NEGATIVE_INFINITY;

  constructor(
    private options: ArpOptions,
    private readonly outbox: Outbox,
    /** whether peers are kept from a link: there nobody answers */
    private readonly isWithheld: (link: string) => boolean,
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

  /** What was asked for has been done, at `at` ms: until then the former one acted. */
  settle(at: number): void {
    if (this.switching) this.since = at;
    this.switching = false;
  }

  /** The events of a batch in the order in which to take them: on joined planes, which copy of a request came first decides who answers it. */
  arrange(events: readonly CoreEvent[], now: number): readonly CoreEvent[] {
    return this.isJoined(now) ? inOrder(events) : events;
  }

  /** Takes the settings of the links as they are now, `working` of which work, and asks for what has to change. */
  take(settings: ReadonlyMap<string, LinkSettings>, working: number, now: number): void {
    // One link alone hears nothing of itself, whether or not the planes are still joined.
    if (working < 2 && this.isJoined(now)) this.joinedAt = now;
    this.settings = settings;
    this.tellFiltered();
    this.choose(now);
  }

  /** Whether nobody answers on a link once it is drained: a setting for all links may keep the kernel answering. */
  isSilenceable(link: string): boolean {
    const settings = this.settings.get(link);
    return settings === undefined || this.responder.acting === 'agent' || isSilenceable(settings);
  }

  /** Peers are kept from other links now: asks for what has to change. */
  review(): void {
    this.outbox.plan(this.changes());
  }

  /**
   * Whether a request that `link` received is to be answered there. On joined planes every link hears what is broadcast, and one answers:
   * that of the path to the sender, unless that is drained and answers nobody, or else the first to hear it.
   */
  answersOn(
    link: Link,
    request: ArpFrame,
    { kind, at }: ReceivedFrame,
    paths: Iterable<Path>,
    now: number,
  ): boolean {
    if (kind !== 'broadcast' || !this.isJoined(now)) return true;
    const own = ownerOf(
      request.senderMac,
      link,
      [...paths].filter((path) => !this.isWithheld(path.link)),
    );
    return own === undefined ? !this.copies.take(request, link.name, at) : own.link === link.name;
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
      this.switching = true;
    }
    if (before.acting !== this.responder.acting || before.reason !== this.responder.reason) {
      const { acting, reason } = this.responder;
      const level = reason === 'not-silenceable' ? 'warn' : 'info';
      this.outbox.note('responder', { acting, reason }, level);
    }
    this.outbox.plan(this.changes());
  }

  /** What has to change; taken as done, until the settings are read again. */
  private changes(): KernelStep[] {
    const settings = new Map(this.settings);
    const steps = [...settings].flatMap(([link, current]) => {
      const silence = this.responder.silence || (this.isWithheld(link) && isSilenceable(current));
      const changes = settingsToChange(current, silence);
      const restores = !silence && current.arpIgnore !== current.arpIgnoreBefore;
      const changed = restores ? { ...current, arpIgnore: current.arpIgnoreBefore } : current;
      settings.set(link, withChanges(changed, changes));
      const steps = [...changes].map(
        ([setting, value]): KernelStep => ({ operation: 'change-setting', link, setting, value }),
      );
      if (restores) steps.push({ operation: 'restore-setting', link, setting: 'arp_ignore' });
      return steps;
    });
    this.settings = settings;
    return steps;
  }
}

/**
 * The path that leads to a card, where the request that `link` received from it is to be answered by no other. One that is down may have learned
 * the card while the planes were joined, and they may be parted by now: it decides nothing where its peer is not reached by any path, or
 * where the peer's card on the plane of `link` may be this one.
 */
function ownerOf(mac: Mac, link: Link, paths: readonly Path[]): Path | undefined {
  const owners = paths.filter((path) => path.mac === mac);
  const owner = owners.find(isAnswered) ?? owners.find((path) => path.link === link.name) ?? owners[0];
  if (owner === undefined || isAnswered(owner) || owner.link === link.name) return owner;
  const toPeer = paths.filter(({ peer }) => peer === owner.peer);
  const here = toPeer.find((path) => path.link === link.name);
  return here?.mac !== undefined && toPeer.some(isAnswered) ? owner : undefined;
}

function isAnswered({ arp }: Path): boolean {
  return arp.state !== 'down' && !arp.overdue;
}
