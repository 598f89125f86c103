import { type Alignment, seconds } from '../doctor/alignment';
import type { Diagnosis } from '../doctor/doctor';
import { type Finding, type Severity, sysctlName } from '../doctor/finding';
import type { Repair } from '../doctor/repair';
import { type Cell, type Column, paint, printable, type Style, table, WIDTH } from './text';

const STYLES: Readonly<Record<Severity, Style>> = { error: 'red', warning: 'yellow', notice: 'cyan' };
const SEVERITIES: readonly Severity[] = ['error', 'warning', 'notice'];
const INDENT = '  ';

/** The diagnosis as a person reads it. Commands stand on lines of their own and are never broken, so that they can be copied. */
export function formatDiagnosis(diagnosis: Diagnosis, colour: boolean): string[] {
  const { cluster, host, daemon, findings, unchecked, alignment } = diagnosis;
  const runs = daemon === null ? 'its agent may not be asked' : daemon ? 'its agent runs' : 'no agent runs';
  return [
    `${host} in cluster ${cluster}: ${runs}`,
    '',
    ...findings.flatMap((finding) => [...formatFinding(finding, colour), '']),
    ...formatAlignment(alignment, colour),
    '',
    ...unchecked.map(({ check, reason }) => printable(`not checked: ${check}: ${reason}`)),
    summary(findings, colour),
  ];
}

function formatFinding(finding: Finding, colour: boolean): string[] {
  const { severity, id, subject, what, why, mend, command, fix } = finding;
  const title = `${paint(severity, STYLES[severity], colour)} ${id}: ${printable(subject)}`;
  const words = command === mend ? '' : ` ${mend}`;
  const head = wrap(`mend${fix.length > 0 ? ' (--fix does it)' : ''}:${words}`);
  const lines = command === null ? head : [...head, `${INDENT}${INDENT}${printable(command)}`];
  return [title, ...wrap(`${what}.`), ...wrap(why), ...lines];
}

/** Lines of at most {@link WIDTH} columns, broken between words. */
function wrap(text: string): string[] {
  const lines: string[] = [];
  let line = INDENT;
  for (const word of printable(text).split(' ')) {
    if (line.length + word.length > WIDTH && line.trim() !== '') {
      lines.push(line.trimEnd());
      line = INDENT;
    }
    line += `${word} `;
  }
  return [...lines, line.trimEnd()];
}

const COLUMNS: readonly Column[] = [
  { title: 'TIME-OUT', least: 12 },
  { title: 'TIME' },
  { title: 'NEEDS' },
  { title: 'VERDICT' },
  { title: 'FROM', least: 10 },
];

/** Detection, TCP's back-off, and each time-out beside what it needs. */
function formatAlignment({ detection, worst, rto, resumes, timeOuts }: Alignment, colour: boolean): string[] {
  const row = (name: string, time: number, from: string, needs = '', verdict: Cell = { text: '' }) => [
    { text: name },
    { text: seconds(time) },
    { text: needs },
    verdict,
    { text: from },
  ];
  const rows = [
    ...detection.map(({ name, from, time }) => row(name, time, from)),
    row('TCP goes on', resumes, `after ${seconds(worst)}, doubling from ${seconds(rto)}`),
    ...timeOuts.map(({ name, from, time, needed, fits }) => {
      const verdict: Cell = fits ? { text: 'fits', style: 'green' } : { text: 'too short', style: 'red' };
      return row(name, time, from, `≥ ${seconds(needed)}`, verdict);
    }),
  ];
  return table(COLUMNS, rows, colour);
}

function summary(findings: readonly Finding[], colour: boolean): string {
  if (findings.length === 0) return paint('nothing found', 'green', colour);
  const counts = SEVERITIES.flatMap((severity) => {
    const count = findings.filter((finding) => finding.severity === severity).length;
    return count === 0 ? [] : [`${count} ${severity}${count === 1 ? '' : 's'}`];
  });
  return counts.join(', ');
}

/** What `--fix` did, where, and how it outlasts the next start of the system. */
export function formatRepair({ id, subject, where, from, to }: Repair): string {
  const name = sysctlName(where.replace(/^\/proc\/sys\//, ''));
  const keep = `to keep it over a reboot: ${name} = ${to} in /etc/sysctl.d/90-multihomed.conf`;
  return printable(`fixed ${id}: ${subject}: ${where} ${from} -> ${to}; ${keep}`);
}
