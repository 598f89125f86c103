import type { Command } from 'commander';
import { request } from '../control/client';
import type { LinkReport, PathReport, PathState, PeerReport, StatusReport } from '../control/protocol';
import { EXIT, type ExitStatus } from '../exit-status';
import { type Context, printJson, type Run } from './context';
import { type Cell, cut, formatAge, formatRoundTrip, paint, type Style, table, WIDTH } from './text';

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
  const rows = report.peers.flatMap((peer) => peer.paths.map((path) => row(peer, path, now)));
  return [...lines, ...table(COLUMNS, rows, colour)];
}

const COLUMNS = [
  { title: 'PEER', least: 12 },
  { title: 'PLANE', least: 6 },
  { title: 'LINK', least: 8 },
  { title: 'STATE' },
  { title: 'ACTIVE' },
  { title: 'RTT' },
  { title: 'SINCE' },
];

const STATE_STYLES: Readonly<Record<PathState, Style>> = {
  unknown: 'dim',
  up: 'green',
  suspect: 'yellow',
  down: 'red',
  held: 'yellow',
  drained: 'cyan',
};

function row(peer: PeerReport, path: PathReport, now: number): readonly Cell[] {
  return [
    { text: peer.name },
    { text: path.plane },
    { text: path.link },
    { text: path.state, style: STATE_STYLES[path.state] },
    { text: path.active ? '*' : '' },
    { text: formatRoundTrip(path.rtt) },
    { text: formatAge(now - Date.parse(path.since)) },
  ];
}

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
    ...report.links.map((link) => line('link', ...linkText(link, colour))),
  ];
}

function linkText(link: LinkReport, colour: boolean): [string, boolean, Style] {
  const [state, style]: [string, Style] = !link.exists
    ? ['does not exist', 'red']
    : !link.up
      ? ['down', 'red']
      : link.carrier
        ? ['carrier', 'green']
        : ['no carrier', 'red'];
  const mac = link.mac === null ? '' : `, ${link.mac}`;
  return [`${link.name} on plane ${link.plane}: ${state}${mac}`, colour, style];
}

function line(title: string, text: string, colour: boolean, style?: Style): string {
  const label = title.padEnd(9);
  return label + paint(cut(text, WIDTH - label.length), style, colour);
}
