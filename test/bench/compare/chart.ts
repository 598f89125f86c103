import type { Comparison } from './comparison';
import { NAMES, titleOf } from './kinds';
import { type Entry, entriesOf, formatEntry, formatTime, MEASURES, type Measure } from './summary';

/** Sizes in px. */
const ROW = 18;
const HEAD = 22;
const FOOT = 18;
const LABELS = 204;
/** A plot: the place of zero, the logarithmic axis, the place of what never ended, the numbers. */
const ZERO = 26;
const AXIS = 300;
const NEVER = 44;
const NUMBERS = 96;
const PLOT = ZERO + AXIS + NEVER;
const GAP = 24;
const WIDTH = LABELS + 2 * (PLOT + NUMBERS) + GAP;

/** The ends of the axis, in ms. */
const LEAST = 0.5;
const MOST = 5000;
const TICKS = [1, 10, 100, 1000];
const FINE_TICKS = [2, 5, 20, 50, 200, 500, 2000];

/** Told apart by the colour-blind (Okabe and Ito), and by their shapes besides. */
const OURS = '#0072b2';
const OTHERS = '#d55e00';

const STYLE = `
  body { font: 14px/1.5 system-ui, 'DejaVu Sans', sans-serif; margin: 24px auto; width: ${WIDTH}px; color: #1a1a1a; background: #fff; }
  h1 { font-size: 22px; margin: 0 0 4px; } h2 { font-size: 15px; margin: 20px 0 2px; }
  p { margin: 4px 0; } ul { margin: 6px 0; padding-left: 20px; }
  svg { display: block; font: 12px system-ui, 'DejaVu Sans', sans-serif; } text { fill: #1a1a1a; }
  .ours { font-weight: 600; } .small { fill: #666; font-size: 10.5px; } .head { fill: #444; font-size: 11.5px; }
  .grid { stroke: #ddd; } .fine { stroke: #f3f3f3; } .edge { stroke: #999; }
`;

/** @returns how far a time is from the left end of a plot, in px */
export function placeOf(ms: number): number {
  if (ms === 0) {
    return ZERO / 2;
  }
  if (ms === Number.POSITIVE_INFINITY) {
    return ZERO + AXIS + NEVER / 2;
  }
  const bounded = Math.min(MOST, Math.max(LEAST, ms));
  return ZERO + (Math.log(bounded / LEAST) / Math.log(MOST / LEAST)) * AXIS;
}

function escapeText(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

function text(x: number, y: number, words: string, attributes = ''): string {
  return `<text x="${x}" y="${y}" ${attributes}>${escapeText(words)}</text>`;
}

function upright(x: number, top: number, bottom: number, attributes: string): string {
  const at = x.toFixed(1);
  return `<line x1="${at}" x2="${at}" y1="${top}" y2="${bottom}" ${attributes}/>`;
}

const isOurs = (name: string): boolean => name.startsWith('multihomed');

/** A circle for ours and a diamond for the others, hollow where nothing was lost. */
function marker(ours: boolean, x: number, y: number, hollow: boolean): string {
  const colour = ours ? OURS : OTHERS;
  const paint = `fill="${hollow ? '#fff' : colour}" stroke="${colour}" stroke-width="1.8"`;
  return ours
    ? `<circle cx="${x.toFixed(1)}" cy="${y}" r="4.6" ${paint}/>`
    : `<path d="M${x.toFixed(1)} ${y - 5.6}l5.6 5.6l-5.6 5.6l-5.6 -5.6z" ${paint}/>`;
}

/** From the median to the 95th percentile a band, at the maximum a stroke; the numbers beside the plot. */
function drawEntry(entry: Entry, left: number, y: number): string {
  const ours = isOurs(entry.system);
  const paint = `stroke="${ours ? OURS : OTHERS}"`;
  const [median, p95, maximum] = [entry.median, entry.p95, entry.maximum].map((ms) => left + placeOf(ms)) as [
    number,
    number,
    number,
  ];
  const all = `${entry.system}: median ${formatTime(entry.median)} ms, 95 % ${formatTime(entry.p95)} ms, maximum ${formatTime(entry.maximum)} ms, of ${entry.samples}`;
  return [
    `<g><title>${escapeText(all)}</title>`,
    `<line x1="${median.toFixed(1)}" x2="${p95.toFixed(1)}" y1="${y}" y2="${y}" ${paint} stroke-width="4" stroke-opacity=".4"/>`,
    upright(maximum, y - 5, y + 5, `${paint} stroke-width="1.5"`),
    marker(ours, median, y, entry.median === 0),
    text(left + PLOT + 8, y + 4, formatEntry(entry)),
    '</g>',
  ].join('');
}

function drawGrid(left: number, bottom: number): string {
  const line = (ms: number, kind: string): string =>
    upright(left + placeOf(ms), HEAD, bottom, `class="${kind}"`);
  const label = (ms: number, words: string): string =>
    text(left + placeOf(ms), bottom + 13, words, 'class="small" text-anchor="middle"');
  return [
    ...FINE_TICKS.map((ms) => line(ms, 'fine')),
    ...TICKS.map((ms) => line(ms, 'grid') + label(ms, `${ms}`)),
    upright(left + ZERO, HEAD, bottom, 'class="edge"'),
    upright(left + ZERO + AXIS, HEAD, bottom, 'class="edge"'),
    label(0, '0'),
    label(Number.POSITIVE_INFINITY, 'never'),
  ].join('');
}

function drawPlot(comparison: Comparison, kind: string, measure: Measure, left: number): string {
  const { systems, cells } = comparison;
  const entries = entriesOf(comparison, measure);
  const rows = systems.map(({ name }, index) => {
    const y = HEAD + (index + 0.5) * ROW;
    const entry = entries.find((each) => each.kind === kind && each.system === name);
    if (entry !== undefined) {
      return drawEntry(entry, left, y);
    }
    const measured = cells.some((cell) => cell.kind === kind && cell.system === name);
    return text(left + ZERO + 8, y + 4, measured ? 'carries TCP only' : 'not measured', 'class="small"');
  });
  const head = text(left + ZERO, HEAD - 8, measure.title, 'class="head"');
  return [head, drawGrid(left, HEAD + systems.length * ROW), ...rows].join('');
}

/** One kind of failure: a row for each system, what UDP lost on the left, how long TCP stood still on the right. */
function drawKind(comparison: Comparison, kind: string): string {
  const { systems } = comparison;
  const height = HEAD + systems.length * ROW + FOOT;
  const labels = systems.map(({ name }, index) =>
    text(
      LABELS - 8,
      HEAD + (index + 0.5) * ROW + 4,
      name,
      `text-anchor="end"${isOurs(name) ? ' class="ours"' : ''}`,
    ),
  );
  const plots = MEASURES.filter(({ name }) => name === 'outage' || name === 'stall').map((measure, index) =>
    drawPlot(comparison, kind, measure, LABELS + index * (PLOT + NUMBERS + GAP)),
  );
  return [
    `<h2>${escapeText(titleOf(kind))}</h2>`,
    `<svg width="${WIDTH}" height="${height}" role="img" aria-label="${escapeText(titleOf(kind))}">`,
    ...labels,
    ...plots,
    '</svg>',
  ].join('\n');
}

/**
 * A page that needs nothing beside itself.
 *
 * @param circumstances lines about the machine and the run
 */
export function chartOf(comparison: Comparison, circumstances: readonly string[]): string {
  const { systems, skipped, cells } = comparison;
  const items = [
    ...systems.map(({ name, title }) => `<li><b>${escapeText(name)}</b>: ${escapeText(title)}</li>`),
    ...skipped.map(
      ({ system, reason }) => `<li><b>${escapeText(system)}</b>, skipped: ${escapeText(reason)}</li>`,
    ),
  ];
  const kinds = NAMES.filter((name) => cells.some(({ kind }) => kind === name));
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Failover, compared</title>',
    `<style>${STYLE}</style></head><body><h1>Failover, compared</h1>`,
    ...circumstances.map((line) => `<p>${escapeText(line)}</p>`),
    '<p>The mark is the median, the band reaches to the 95th percentile, the stroke is the maximum; beside them median (95 %).',
    'Times are in ms, on a logarithmic axis. At 0: nothing lost. At <i>never</i>: not over when the watch ended, after 2 s.',
    'Blue circles: multihomed. Orange diamonds: the others.</p>',
    `<ul>${items.join('')}</ul>`,
    ...kinds.map((kind) => drawKind(comparison, kind)),
    '</body></html>\n',
  ].join('\n');
}
