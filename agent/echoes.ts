import { randomInt } from 'node:crypto';
import { type IcmpReply, IcmpSocket } from '../native-bindings/icmp-socket';
import type { Echo } from './core/event';
import { Outstanding } from './outstanding';
import { formatIpv4, type Ipv4, parseIpv4 } from './wire/address';

const NUMBERS = 0x10000;

/** What is open on one link. */
interface Line {
  readonly socket: IcmpSocket;
  readonly outstanding: Outstanding;
  /** the kernel lets in the answers to all requests that wait, and to none besides */
  exact: boolean;
}

/**
 * ICMP echo through the links, for the far ends that name a target behind them. A socket opens at its first use. The kernel keeps out what
 * answers no request that waits, so a flood costs next to nothing; of answers that are repeated as fast as a wire carries them, some come up for
 * each request, until the filter has been made narrower.
 */
export class Echoes {
  private readonly lines = new Map<string, Line>();
  private readonly identifier = randomInt(NUMBERS);
  private strays = 0;

  constructor(
    private readonly replied: (link: string, source: Ipv4, at: number) => void,
    private readonly failed: (link: string, error: Error) => void,
  ) {}

  /** Echo replies that came up though they answered no request that waits. */
  get unsolicited(): number {
    return this.strays;
  }

  send(echoes: readonly Echo[]): void {
    for (const { link, target, source } of echoes) {
      const sequence = randomInt(NUMBERS);
      this.attempt(link, () => {
        const from = source === undefined ? undefined : formatIpv4(source);
        const line = this.lineOn(link);
        line.socket.echo(formatIpv4(target), sequence, from);
        line.outstanding.sent(target, sequence);
        line.exact = false;
      });
    }
    for (const link of new Set(echoes.map(({ link }) => link))) this.admit(link);
  }

  close(link: string): void {
    this.lines.get(link)?.socket.close();
    this.lines.delete(link);
  }

  closeAll(): void {
    for (const link of [...this.lines.keys()]) this.close(link);
  }

  private lineOn(link: string): Line {
    const open = this.lines.get(link);
    if (open !== undefined) return open;
    const socket = IcmpSocket.open(
      { interface: link, identifier: this.identifier },
      {
        reply: (reply) => this.take(link, reply),
        stray: () => this.refuse(link),
        error: (error) => this.failed(link, error),
      },
    );
    const line: Line = { socket, outstanding: new Outstanding(), exact: true };
    this.lines.set(link, line);
    return line;
  }

  private take(link: string, { source, sequence, at }: IcmpReply): void {
    const line = this.lines.get(link);
    const address = parseIpv4(source);
    if (line === undefined || address === undefined) return;
    if (line.outstanding.answered(address, sequence)) {
      line.exact = false;
      this.replied(link, address, at);
    } else this.refuse(link);
  }

  /** Somebody repeats answers: what was answered is kept out from now on, which the next request would else have seen to. */
  private refuse(link: string): void {
    this.strays += 1;
    this.admit(link);
  }

  private admit(link: string): void {
    this.attempt(link, () => {
      const line = this.lines.get(link);
      if (line === undefined || line.exact) return;
      line.socket.admit(line.outstanding.numbers);
      line.exact = true;
    });
  }

  private attempt(link: string, action: () => void): void {
    try {
      action();
    } catch (error) {
      // The interface went away between the decision and the request; the next event says so.
      this.failed(link, error instanceof Error ? error : new Error(String(error)));
      this.close(link);
    }
  }
}
