import { readFileSync } from 'node:fs';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { CapturedFrame, CaptureEnd, CaptureHandlers } from '../../native-bindings/capture';
import { ControlClientError, request } from '../control/client';
import type { StatusReport } from '../control/protocol';
import { EXIT, type ExitStatus } from '../exit-status';
import { FLAGS_OFFSET, URGENT } from '../wire/beacon';
import { formatFrame, recordOf } from './capture-format';
import { CommandError, type Context, type Run } from './context';
import { capturing } from './lazy';
import { ANSWER_TIME } from './status';

/** ms between two looks whether an interface is back. */
const RETRY = 1000;

/** Hardware type of Ethernet in /sys/class/net/NAME/type (ARPHRD_ETHER). */
const ETHERNET = '1';

/** EtherType of the beacons where no daemon says another one: the configuration's default. */
const ETHERTYPE = 0x88b5;

const SELECTIONS = ['arp', 'beacons', 'urgent'] as const;

export interface CaptureOptions {
  /** ends after so many frames; undefined for no end */
  readonly count?: number;
  /** of the beacons; undefined for the daemon's */
  readonly ethertype?: number;
  /** `urgent`: the beacons that say that something changed; undefined for ARP and all beacons */
  readonly only?: (typeof SELECTIONS)[number];
}

/** The machine as a capture needs it; tests have one of their own. */
export interface Machine {
  /** names of all interfaces that carry Ethernet */
  ethernetLinks(): readonly string[];
  exists(link: string): boolean;
  /** `filter` in libpcap's language */
  start(link: string, filter: string, handlers: CaptureHandlers): { stop(): void };
  /** ms between two looks whether an interface is back */
  readonly retry: number;
}

export function addCapture(program: Command, run: Run): void {
  program
    .command('capture')
    .description(
      "shows ARP and beacons on the wire, decoded, as they pass: on these links, else the daemon's",
    )
    .argument('[links...]')
    .option('--count <n>', 'ends after so many frames', positive)
    .option('--ethertype <n>', "of the beacons (default: the daemon's, else 0x88B5)", etherType)
    .addOption(new Option('--only <what>', 'leaves out everything else').choices(SELECTIONS))
    .action((links: string[], options: CaptureOptions) => run((context) => capture(context, links, options)));
}

/** Runs until interrupted, or until `count` frames have passed; an interface that goes away is waited for. */
export async function capture(
  context: Context,
  wanted: readonly string[],
  { count = Number.POSITIVE_INFINITY, ethertype, only }: CaptureOptions,
  machine: Machine = realMachine(),
): Promise<ExitStatus> {
  const asks = wanted.length === 0 || ethertype === undefined;
  const report = asks ? await askDaemon(context) : undefined;
  const links = wanted.length > 0 ? [...new Set(wanted)] : linksOf(report, machine);
  if (links.length === 0)
    throw new CommandError(EXIT.unavailable, 'there is no Ethernet interface; name one');
  const beacons = ethertype ?? report?.beacon?.etherType ?? ETHERTYPE;
  const stop = new AbortController();
  const finish = () => stop.abort();
  context.signal.addEventListener('abort', finish);
  if (context.signal.aborted) finish();
  let left = count;
  const show = (frame: CapturedFrame) => {
    if (left <= 0) return;
    left -= 1;
    context.out(context.json ? JSON.stringify(recordOf(frame, beacons)) : formatFrame(frame, beacons));
    if (left === 0) finish();
  };
  const filter = filterOf(beacons, only);
  try {
    const captures = links.map((link) => new LinkCapture(link, filter, machine, context, show, stop.signal));
    await Promise.all(captures.map((each) => each.run()));
  } finally {
    finish();
    context.signal.removeEventListener('abort', finish);
  }
  return EXIT.ok;
}

/** In libpcap's language. */
function filterOf(etherType: number, only: CaptureOptions['only']): string {
  const beacons = `ether proto 0x${etherType.toString(16)}`;
  switch (only) {
    case 'arp':
      return 'arp';
    case 'beacons':
      return beacons;
    case 'urgent':
      return `${beacons} and ether[${FLAGS_OFFSET}] & ${URGENT} != 0`;
    case undefined:
      return `arp or ${beacons}`;
  }
}

/** The capture on one link, over and over, until `signal` is aborted. */
class LinkCapture {
  private waiting = false;

  constructor(
    private readonly link: string,
    private readonly filter: string,
    private readonly machine: Machine,
    private readonly context: Context,
    private readonly show: (frame: CapturedFrame) => void,
    private readonly signal: AbortSignal,
  ) {}

  async run(): Promise<void> {
    while (!this.signal.aborted) {
      if (this.machine.exists(this.link)) {
        const end = await this.once();
        if (this.signal.aborted) return;
        this.say(this.reasonOf(end));
      } else this.say('the interface does not exist');
      await this.pause();
    }
  }

  /** Why the process ended. What nobody can wait for to pass is thrown. */
  private reasonOf({ message, signal, code }: CaptureEnd): string {
    if (/permission|not permitted/i.test(message))
      throw new CommandError(EXIT.noPermission, `${message}; run this as root`);
    if (!this.machine.exists(this.link)) return 'the interface is gone';
    if (signal === 'SIGABRT' || /not up|is down/i.test(message)) return 'the interface is down';
    return message === '' ? `the capturing process ended by ${signal ?? `status ${code}`}` : message;
  }

  /** Captures until the process ends, by itself or because it is told to. */
  private once(): Promise<CaptureEnd> {
    return new Promise((resolve) => {
      const onAbort = () => process.stop();
      const process = this.machine.start(this.link, this.filter, {
        ready: () => {
          this.context.err(`${this.link}: capturing`);
          this.waiting = false;
        },
        frame: this.show,
        end: (end) => {
          this.signal.removeEventListener('abort', onAbort);
          resolve(end);
        },
      });
      this.signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  private say(what: string): void {
    if (!this.waiting) this.context.err(`${this.link}: ${what}; waiting for it`);
    this.waiting = true;
  }

  private pause(): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, this.machine.retry);
      this.signal.addEventListener('abort', done, { once: true });
    });
  }
}

/** Undefined where no daemon answers: a capture is what one looks at when it is in trouble, so it must not depend on it. */
async function askDaemon(context: Context): Promise<StatusReport | undefined> {
  try {
    const options = { timeout: ANSWER_TIME, signal: context.signal };
    return await request(context.socket, { command: 'status' }, options);
  } catch (error) {
    if (!(error instanceof ControlClientError)) throw error;
    return undefined;
  }
}

function linksOf(report: StatusReport | undefined, machine: Machine): readonly string[] {
  return report?.links.map(({ name }) => name) ?? machine.ethernetLinks();
}

function realMachine(): Machine {
  const { Capture } = capturing();
  return {
    ethernetLinks: () => interfaces().filter((link) => link !== 'lo' && carriesEthernet(link)),
    exists: (link) => interfaces().includes(link),
    start: (link, filter, handlers) => Capture.start({ interface: link, filter }, handlers),
    retry: RETRY,
  };
}

/** Names of this network namespace's interfaces. /sys can show another namespace's, where it was mounted in that one. */
function interfaces(): readonly string[] {
  const lines = readFileSync('/proc/self/net/dev', 'utf8').split('\n').slice(2, -1);
  // A name ends at the last colon before the counters.
  return lines.map((line) => line.slice(0, line.lastIndexOf(':')).trim());
}

/** Whether an interface is of the type of Ethernet, as far as one can see. */
function carriesEthernet(link: string): boolean {
  try {
    return readFileSync(`/sys/class/net/${link}/type`, 'utf8').trim() === ETHERNET;
  } catch {
    return true;
  }
}

function positive(text: string): number {
  if (/^[1-9][0-9]{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Write a whole number from 1 on.');
}

/** As the configuration's `beacon.ethertype` is written. */
function etherType(text: string): number {
  const value = /^(0x[0-9a-f]{1,4}|[0-9]{1,5})$/i.test(text) ? Number(text) : Number.NaN;
  if (value >= 0x0600 && value <= 0xffff) return value;
  throw new InvalidArgumentError('Write a number from 0x0600 to 0xffff.');
}
