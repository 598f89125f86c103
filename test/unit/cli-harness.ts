import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { main } from '../../agent/cli/multihomectl';
import type { PathReport, PathState, StatusReport } from '../../agent/control/protocol';
import { ControlServer, type Handlers } from '../../agent/control/server';

/** The time at which every test runs, in ms. */
export const NOW = Date.parse('2026-01-02T03:04:05.000Z');

/** ISO 8601 of a time so many seconds before {@link NOW}. */
export const ago = (seconds: number) => new Date(NOW - seconds * 1000).toISOString();

export interface Outcome {
  readonly status: number;
  readonly out: readonly string[];
  readonly err: readonly string[];
}

/** A directory with a control socket, behind which a daemon answers once it is started. */
export class Scene {
  readonly folder = mkdtempSync(join(tmpdir(), 'cli-'));
  readonly socket = join(this.folder, 'control.sock');
  server: ControlServer | undefined;

  async daemon(handlers: Partial<Handlers> = {}): Promise<ControlServer> {
    const all: Handlers = {
      status: () => statusReport(),
      routes: () => [],
      wait: () => Promise.resolve(),
      drain: () => Promise.reject(new Error('not expected')),
      undrain: () => ({ links: [] }),
      reload: () => ({ added: [], removed: [], changed: [] }),
      teardown: () => ({ removed: [] }),
      ...handlers,
    };
    this.server = await ControlServer.listen(this.socket, all, () => undefined);
    return this.server;
  }

  /** Runs a command line as the shell would; `clock` is advanced by the real time that passes. */
  async run(
    words: string,
    options: { colour?: boolean; stop?: AbortSignal; onOut?: (line: string) => void } = {},
  ): Promise<Outcome> {
    const out: string[] = [];
    const err: string[] = [];
    const start = performance.now();
    const status = await main(['--socket', this.socket, ...words.split(' ').filter((word) => word !== '')], {
      colour: options.colour ?? false,
      signal: options.stop ?? new AbortController().signal,
      out: (line) => {
        out.push(line);
        options.onOut?.(line);
      },
      err: (line) => err.push(line),
      now: () => NOW + (performance.now() - start),
    });
    return { status, out, err };
  }

  async end(): Promise<void> {
    await this.server?.close();
    this.server = undefined;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }
}

export function path(
  plane: string,
  link: string,
  state: PathState,
  more: Partial<PathReport> = {},
): PathReport {
  return {
    plane,
    link,
    state,
    beneath: state === 'drained' ? 'up' : state,
    rtt: 0.1234,
    since: ago(192),
    mac: '02:00:00:00:00:01',
    active: false,
    beacon: null,
    ...more,
  };
}

export function statusReport(more: Partial<StatusReport> = {}): StatusReport {
  return {
    cluster: 'demo',
    host: 'alpha',
    version: '0.1.0',
    pid: 4711,
    started: ago(7500),
    ready: true,
    startup: 181.6,
    aliases: ['10.78.0.1'],
    responder: { configured: 'auto', acting: 'kernel', reason: 'arp_ignore is 0' },
    beacon: null,
    planesJoined: false,
    links: [
      {
        plane: 'a',
        name: 'eth0',
        exists: true,
        ifindex: 2,
        mac: '02:00:00:00:0a:01',
        up: true,
        carrier: true,
        drained: false,
        overridden: false,
        drainedUntil: null,
        priority: 0,
      },
      {
        plane: 'b',
        name: 'eth1',
        exists: true,
        ifindex: 3,
        mac: '02:00:00:00:0b:01',
        up: true,
        carrier: false,
        drained: false,
        overridden: false,
        drainedUntil: null,
        priority: 0,
      },
    ],
    peers: [
      {
        name: 'beta',
        kind: 'agent',
        addresses: ['10.78.0.2'],
        active: 'a',
        choice: { plane: 'a', reason: 'only' },
        returns: null,
        origin: 'file',
        relays: [],
        paths: [
          path('a', 'eth0', 'up', { active: true }),
          path('b', 'eth1', 'down', { rtt: null, since: ago(5) }),
        ],
      },
      {
        name: 'gate',
        kind: 'far-end',
        addresses: ['10.77.0.254'],
        active: 'a',
        choice: null,
        returns: null,
        origin: 'file',
        relays: [],
        paths: [path('a', 'eth0', 'held', { rtt: 12.34, since: ago(90_000) })],
      },
    ],
    partings: [],
    counters: {},
    ...more,
  };
}
