import type { Command } from 'commander';
import { request } from '../control/client';
import type {
  ChoiceReport,
  LinkReport,
  PathReport,
  PathState,
  PeerReport,
  SideReport,
  StatusReport,
} from '../control/protocol';
import { EXIT, type ExitStatus } from '../exit-status';
import { type Context, printJson, type Run } from './context';
import {
  type Cell,
  type Column,
  cut,
  formatAge,
  formatRoundTrip,
  paint,
  type Style,
  table,
  WIDTH,
} from './text';

/** ms that the daemon has to answer a question it needs no time for. */
export const ANSWER_TIME = 5000;

export function addStatus(program: Command, run: Run): void {
  program
    .command('status')
    .description('links, peers and paths: state, round trip, since when, which path is active')
    .action(() => run(status));
}

export async function status(context: Context): Promise<ExitStatus> {
  const report = await request(
    context.socket,
    { command: 'status' },
    { timeout: ANSWER_TIME, signal: context.signal },
  );
  if (context.json) printJson(context, report);
  else for (const line of formatStatus(report, context.now(), context.colour)) context.out(line);
  return EXIT.ok;
}

/** The report as a person reads it, in lines of at most 80 columns. */
export function formatStatus(report: StatusReport, now: number, colour: boolean): string[] {
  const lines = [...header(report, now, colour), ''];
  if (report.peers.length === 0) return [...lines, 'no peers'];
  const columns = COLUMNS.filter(({ beacons }) => !beacons || report.beacon !== null);
  const rows = report.peers.flatMap((peer) =>
    peer.paths.map((path) => columns.map(({ cell }) => cell(peer, path, now))),
  );
  return [...lines, ...table(columns, rows, colour)];
}

interface StatusColumn extends Column {
  /** only where beacons are on */
  readonly beacons?: boolean;
  readonly cell: (peer: PeerReport, path: PathReport, now: number) => Cell;
}

const COLUMNS: readonly StatusColumn[] = [
  { title: 'PEER', least: 8, cell: (peer) => ({ text: peer.name }) },
  { title: 'PLANE', least: 5, cell: (_, path) => ({ text: path.plane }) },
  { title: 'LINK', least: 6, cell: (_, path) => ({ text: path.link }) },
  { title: 'STATE', cell: (_, path) => stateCell(path) },
  { title: 'ACTIVE', cell: (peer, path) => ({ text: mark(peer.choice, path) }) },
  { title: 'RETURNS', beacons: true, cell: (peer, path) => ({ text: mark(peer.returns, path) }) },
  { title: 'BEACONS', beacons: true, cell: (_, path) => beaconCell(path) },
  { title: 'RTT', cell: (_, path) => ({ text: formatRoundTrip(path.rtt) }) },
  { title: 'SINCE', cell: (_, path, now) => ({ text: formatAge(now - Date.parse(path.since)) }) },
];

/** Whether a path carries the packets of one direction, and why. */
function mark(choice: ChoiceReport | null, path: PathReport): string {
  return choice?.plane === path.plane ? `* ${choice.reason}` : '';
}

function stateCell({ state, beneath }: PathReport): Cell {
  return { text: state === beneath ? state : `${state} (${beneath})`, style: STATE_STYLES[state] };
}

function beaconCell({ beacon }: PathReport): Cell {
  if (beacon === null) return { text: 'none' };
  if (beacon.state !== 'up') return { text: beacon.state, style: STATE_STYLES[beacon.state] };
  if (!beacon.coming) return { text: 'silent', style: 'yellow' };
  return beacon.hearsUs ? { text: 'mutual', style: 'green' } : { text: 'one-way', style: 'yellow' };
}

const STATE_STYLES: Readonly<Record<PathState, Style>> = {
  unknown: 'dim',
  up: 'green',
  suspect: 'yellow',
  down: 'red',
  held: 'yellow',
  drained: 'cyan',
};

function header(report: StatusReport, now: number, colour: boolean): string[] {
  const { configured, acting, reason } = report.responder;
  const startup = report.startup === null ? '' : ` (ready after ${Math.round(report.startup)}ms)`;
  const state = report.ready ? 'ready' : 'starting';
  const running = `running for ${formatAge(now - Date.parse(report.started))}${startup}`;
  return [
    line(
      'host',
      `${report.host} in cluster ${report.cluster}, ${state}`,
      colour,
      report.ready ? 'green' : 'yellow',
    ),
    line('daemon', `multihomed ${report.version}, pid ${report.pid}, ${running}`, colour),
    line('alias', report.aliases.join(', '), colour),
    line('answers', `${acting} (${configured}: ${reason})`, colour),
    ...beaconLines(report, colour),
    ...report.links.map((link) => line('link', ...linkText(link, now, colour))),
    ...partingLines(report, colour),
  ];
}

/** Who has no plane in common with whom, while a third host has one with both: this host, or a peer. */
function partingLines({ partings = [], peers }: StatusReport, colour: boolean): string[] {
  const parted = partings.map(
    ({ one, other }) => `${sideText(one)}, ${sideText(other)}: no plane in common; this host reaches both`,
  );
  const targets = new Map<string, string[]>();
  for (const { name, relays = [] } of peers) {
    if (relays.length === 0) continue;
    const by = names(relays);
    targets.set(by, [...(targets.get(by) ?? []), name]);
  }
  const unreached = [...targets].map(
    ([by, them]) => `${names(them)}: no plane in common with this host; ${by} may reach both`,
  );
  return [...parted, ...unreached].map((text) => line('parted', text, colour, 'yellow'));
}

function sideText({ peers, planes }: SideReport): string {
  return `${names(peers)} (on ${planes.join(', ')})`;
}

/** Two at most, so that a line has room for both sides. */
function names(all: readonly string[]): string {
  const more = all.length > MOST_NAMES ? ` and ${all.length - MOST_NAMES} more` : '';
  return all.slice(0, MOST_NAMES).join(', ') + more;
}

const MOST_NAMES = 2;

function beaconLines({ beacon, planesJoined }: StatusReport, colour: boolean): string[] {
  const lines: string[] = [];
  if (beacon !== null) {
    const etherType = `0x${beacon.etherType.toString(16).toUpperCase().padStart(4, '0')}`;
    lines.push(line('beacons', `each ${beacon.interval}ms, EtherType ${etherType}`, colour));
  }
  if (planesJoined) lines.push(line('planes', 'joined: two of them are one network', colour, 'yellow'));
  return lines;
}

function linkText(link: LinkReport, now: number, colour: boolean): [string, boolean, Style] {
  const [state, style]: [string, Style] = !link.exists
    ? ['does not exist', 'red']
    : !link.up
      ? ['down', 'red']
      : link.carrier
        ? ['carrier', 'green']
        : ['no carrier', 'red'];
  const mac = link.mac === null ? '' : `, ${link.mac}`;
  const priority = link.priority === 0 ? '' : `, priority ${link.priority}`;
  const overridden = link.overridden ? ', overridden' : '';
  const drained = link.drained ? `, drained${timeLeft(link, now)}${overridden}` : '';
  const shown = link.drained && style === 'green' ? 'cyan' : style;
  return [`${link.name} on plane ${link.plane}: ${state}${drained}${mac}${priority}`, colour, shown];
}

function timeLeft({ drainedUntil }: LinkReport, now: number): string {
  return drainedUntil === null ? '' : ` (${formatAge(Date.parse(drainedUntil) - now)} left)`;
}

function line(title: string, text: string, colour: boolean, style?: Style): string {
  const label = title.padEnd(9);
  return label + paint(cut(text, WIDTH - label.length), style, colour);
}
