import { randomInt } from 'node:crypto';
import { IcmpSocket } from '../native-bindings/icmp-socket';
import type { Echo } from './core/event';
import { Outstanding } from './outstanding';
import { formatIpv4, type Ipv4, parseIpv4 } from './wire/address';

const NUMBERS = 0x10000;

/** ICMP echo through the links, for the far ends that name a target behind them. A socket opens at its first use. */
export class Echoes {
  private readonly sockets = new Map<string, IcmpSocket>();
  private readonly outstanding = new Outstanding();
  private readonly identifier = randomInt(NUMBERS);

  constructor(
    private readonly replied: (link: string, source: Ipv4, at: number) => void,
    private readonly failed: (link: string, error: Error) => void,
  ) {}

  send(echoes: readonly Echo[]): void {
    for (const { link, target, source } of echoes) {
      const sequence = randomInt(NUMBERS);
      try {
        const from = source === undefined ? undefined : formatIpv4(source);
        this.socketOn(link).echo(formatIpv4(target), sequence, from);
        this.outstanding.sent(`${link} ${target}`, sequence);
      } catch (error) {
        // The interface went away between the decision and the request; the next event says so.
        this.failed(link, error instanceof Error ? error : new Error(String(error)));
        this.close(link);
      }
    }
  }

  close(link: string): void {
    this.sockets.get(link)?.close();
    this.sockets.delete(link);
  }

  closeAll(): void {
    for (const link of [...this.sockets.keys()]) this.close(link);
  }

  private socketOn(link: string): IcmpSocket {
    const open = this.sockets.get(link);
    if (open !== undefined) return open;
    const socket = IcmpSocket.open(
      { interface: link, identifier: this.identifier },
      {
        reply: ({ source, sequence, at }) => {
          const address = parseIpv4(source);
          if (address === undefined || !this.outstanding.answered(`${link} ${address}`, sequence)) return;
          this.replied(link, address, at);
        },
        error: (error) => this.failed(link, error),
      },
    );
    this.sockets.set(link, socket);
    return socket;
  }
}
