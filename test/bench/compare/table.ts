import type { Comparison, Contestant } from './comparison';
import { NAMES, titleOf } from './kinds';
import { type Entry, entriesOf, formatEntry, MEASURES, type Measure } from './summary';

const TITLE_WIDTH = 26;
const COLUMN_WIDTH = 12;

function formatRatio(ratio: number | undefined): string {
  if (ratio === undefined || ratio === Number.POSITIVE_INFINITY) {
    return '';
  }
  return `${ratio.toFixed(ratio < 10 ? 1 : 0)}x`;
}

/** @returns the words in lines of at most so many characters; a longer word has a line of its own */
function wrap(words: readonly string[], width: number): string[] {
  const lines: string[] = [];
  for (const word of words) {
    const longer = `${lines.at(-1)} ${word}`;
    if (lines.length === 0 || longer.length > width) {
      lines.push(word);
    } else {
      lines[lines.length - 1] = longer;
    }
  }
  return lines;
}

/** @returns lines with the rows of each column's cell beneath each other */
function formatRow(title: readonly string[], cells: readonly (readonly string[])[]): string[] {
  const height = Math.max(title.length, ...cells.map((cell) => cell.length));
  return Array.from({ length: height }, (_, line) => {
    const texts = cells.map((cell) => (cell[line] ?? '').padStart(COLUMN_WIDTH));
    return `${(title[line] ?? '').padEnd(TITLE_WIDTH)}${texts.join('')}`.trimEnd();
  });
}

function formatCell(entry: Entry | undefined, tcpOnly: boolean): string[] {
  if (entry === undefined) {
    return [tcpOnly ? 'TCP only' : '-'];
  }
  return [formatEntry(entry), formatRatio(entry.ratio)];
}

/** Rows are kinds of failure, columns systems. */
function formatTable(comparison: Comparison, measure: Measure, systems: readonly Contestant[]): string[] {
  const entries = entriesOf(comparison, measure);
  const cellOf = (kind: string, system: string): string[] => {
    const cell = comparison.cells.find((each) => each.kind === kind && each.system === system);
    const entry = entries.find((each) => each.kind === kind && each.system === system);
    return formatCell(entry, cell?.costs.every(({ toward }) => toward === undefined) === true);
  };
  const kinds = NAMES.filter((name) => comparison.cells.some(({ kind }) => kind === name));
  return [
    measure.title,
    ...formatRow(
      [],
      systems.map(({ name }) => name.split('-')),
    ),
    ...kinds.flatMap((kind) =>
      formatRow(
        wrap(titleOf(kind).split(' '), TITLE_WIDTH - 1),
        systems.map(({ name }) => cellOf(kind, name)),
      ),
    ),
    '',
  ];
}

/** @returns groups of as many columns as fit, each beginning with the first system of all */
function groupsOf(systems: readonly Contestant[], width: number): Contestant[][] {
  const columns = Math.max(2, Math.floor((width - TITLE_WIDTH) / COLUMN_WIDTH));
  if (systems.length <= columns) {
    return [[...systems]];
  }
  const [first, ...others] = systems;
  const groups = Array.from({ length: Math.ceil(others.length / (columns - 1)) }, (_, group) =>
    others.slice(group * (columns - 1), (group + 1) * (columns - 1)),
  );
  return groups.map((group) => (first === undefined ? group : [first, ...group]));
}

/** A system that has no entry, or fewer than asked for, and why. */
function formatTroubles({ troubles, cells, drills }: Comparison): string[] {
  const lines = troubles.map(({ system, kind, message }) => `  ${system}, ${titleOf(kind)}: ${message}`);
  const short = cells
    .filter(({ costs }) => costs.length < drills)
    .map(({ system, kind, costs }) => `  ${system}, ${titleOf(kind)}: ${costs.length} of ${drills} drills`);
  return lines.length === 0 ? [] : ['Not all could be measured:', ...lines, ...short, ''];
}

/**
 * One table for each measure, ours first.
 *
 * @param width of the terminal, in characters
 */
export function formatComparison(comparison: Comparison, width: number): string {
  const { systems, skipped } = comparison;
  const groups = groupsOf(systems, width);
  return [
    'The same failures befall every system. Each cell: median (95 %), and below how many times as long as ours with the',
    'same interval; the time of one packet is the least that counts. "never": not over when the watch ended, after 2 s.',
    ...systems.map(({ name, title }) => `  ${name.padEnd(TITLE_WIDTH)}${title}`),
    ...skipped.map(({ system, reason }) => `  ${system.padEnd(TITLE_WIDTH)}skipped: ${reason}`),
    '',
    ...MEASURES.flatMap((measure) => groups.flatMap((group) => formatTable(comparison, measure, group))),
    ...formatTroubles(comparison),
  ].join('\n');
}
