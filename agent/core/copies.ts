import type { ArpFrame } from '../wire/arp';
import type { CoreEvent } from './event';

/** Copies of one broadcast are received within this many ms of each other. */
const APART = 50;
/** Requests that are remembered: more than come within that time, unless somebody floods. */
const REMEMBERED = 64;

interface Heard {
  readonly request: ArpFrame;
  readonly link: string;
  readonly at: number;
}

/**
 * Tells a broadcast request from its copies: on joined planes every link hears it, first the one by whose plane it came, since the way to
 * the others leads over one more switch. Never reads a clock; times are ms of a monotonic clock.
 */
export class Copies {
  private heard: readonly Heard[] = [];

  /** Takes a request that `link` received at `at`, in the order of these times; whether it is the copy of one heard on another link. */
  take(request: ArpFrame, link: string, at: number): boolean {
    const recent = this.heard.filter((other) => at - other.at < APART);
    const copy = recent.some((other) => other.link !== link && isSame(other.request, request));
    this.heard = copy ? recent : [...recent.slice(1 - REMEMBERED), { request, link, at }];
    return copy;
  }
}

function isSame(one: ArpFrame, other: ArpFrame): boolean {
  return (
    one.senderMac === other.senderMac && one.senderIp === other.senderIp && one.targetIp === other.targetIp
  );
}

/** The same events, with the frames in the order in which the kernel received them, whatever link was read first. */
export function inOrder(events: readonly CoreEvent[]): readonly CoreEvent[] {
  const others = events.filter(({ type }) => type !== 'frames');
  const frames = events
    .flatMap((event) => (event.type === 'frames' ? event.frames.map((frame) => ({ ...event, frame })) : []))
    .sort((one, other) => one.frame.at - other.frame.at);
  return [
    ...others,
    ...frames.map(({ link, frame }) => ({ type: 'frames', link, frames: [frame] }) as const),
  ];
}
