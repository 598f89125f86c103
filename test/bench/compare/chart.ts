import type { Comparison } from './comparison';
import { titleOf } from './kinds';
import { type Entry, entriesOf, formatTime, MEASURES, type Measure } from './report';

/** Sizes in px. */
const ROW = 17;
const PANEL_HEAD = 30;
const PANEL_FOOT = 24;
const LABELS = 190;
const PLOT = 330;
const VALUES = 120;
const PANEL_WIDTH = LABELS + PLOT + VALUES;

/** The axis, in ms: what is nothing lies left of it, what never ended right of it. */
const LEAST = 0.5;
const MOST = 3000;
const TICKS = [1, 3, 10, 30, 100, 300, 1000];

/** Told apart by the colour-blind as well (Okabe and Ito), and by their order and names besides. */
const OURS = '#0072b2';
const OTHERS = '#d55e00';

const STYLE = `
  body { font: 14px/1.5 system-ui, sans-serif; margin: 24px; color: #1a1a1a; background: #fff; }
  h1 { font-size: 20px; margin: 0 0 4px; } h2 { font-size: 16px; margin: 28px 0 8px; }
  p { max-width: 76em; margin: 4px 0; } ul { margin: 4px 0; padding-left: 20px; }
  .panels { display: flex; flex-wrap: wrap; gap: 8px 28px; }
  text { font: 11.5px system-ui, sans-serif; fill: #1a1a1a; } .title { font-weight: 600; font-size: 13px; }
  .tick { fill: #666; font-size: 10px; } .grid { stroke: #e3e3e3; } .value { fill: #444; }
`;

/** @returns where a time lies on the axis, in px from its left end */
function placeOf(ms: number): number {
  const bounded = Math.min(MOST, Math.max(LEAST, ms));
  return (Math.log(bounded / LEAST) / Math.log(MOST / LEAST)) * PLOT;
}

function escapeText(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

/** One system in a panel: a line from the median to the 95th percentile, a dot at the median, a stroke at the maximum. */
function row(name: string, entry: Entry | undefined, y: number): string {
  const colour = name.startsWith('multihomed') ? OURS : OTHERS;
  const label = `<text x="${LABELS - 8}" y="${y + 4}" text-anchor="end">${escapeText(name)}</text>`;
  if (entry === undefined) {
    return `${label}<text class="tick" x="${LABELS + 4}" y="${y + 4}">not measured</text>`;
  }
  const [median, p95, maximum] = [entry.median, entry.p95, entry.maximum].map((ms) => LABELS + placeOf(ms));
  const tip = `${name}: median ${formatTime(entry.median)}, 95 % ${formatTime(entry.p95)}, maximum ${formatTime(entry.maximum)} ms`;
  const value =
    entry.median === Number.POSITIVE_INFINITY
      ? formatTime(entry.median)
      : `${formatTime(entry.median)} (${formatTime(entry.p95)})`;
  return [
    `<g><title>${escapeText(tip)}</title>${label}`,
    `<line x1="${median}" x2="${p95}" y1="${y}" y2="${y}" stroke="${colour}" stroke-width="3" stroke-opacity=".45"/>`,
    `<line x1="${maximum}" x2="${maximum}" y1="${y - 4}" y2="${y + 4}" stroke="${colour}"/>`,
    `<circle cx="${median}" cy="${y}" r="4.5" fill="${entry.median === 0 ? '#fff' : colour}" stroke="${colour}" stroke-width="1.5"/>`,
    `<text class="value" x="${LABELS + PLOT + 10}" y="${y + 4}">${value}</text></g>`,
  ].join('');
}

/** One kind of failure: all systems on one axis. */
function panel(comparison: Comparison, kind: string, entries: readonly Entry[]): string {
  const { systems } = comparison;
  const bottom = PANEL_HEAD + systems.length * ROW;
  const ticks = TICKS.map((ms) => {
    const x = LABELS + placeOf(ms);
    return `<line class="grid" x1="${x}" x2="${x}" y1="${PANEL_HEAD - 6}" y2="${bottom}"/><text class="tick" x="${x}" y="${bottom + 12}" text-anchor="middle">${ms}</text>`;
  });
  const rows = systems.map(({ name }, index) => {
    const entry = entries.find((each) => each.kind === kind && each.system === name);
    return row(name, entry, PANEL_HEAD + index * ROW + ROW / 2);
  });
  return [
    `<svg width="${PANEL_WIDTH}" height="${bottom + PANEL_FOOT}" role="img" aria-label="${escapeText(titleOf(kind))}">`,
    `<text class="title" x="${LABELS}" y="14">${escapeText(titleOf(kind))}</text>`,
    ...ticks,
    ...rows,
    '</svg>',
  ].join('');
}

function section(comparison: Comparison, measure: Measure): string {
  const entries = entriesOf(comparison, measure);
  const kinds = [...new Set(comparison.cells.map(({ kind }) => kind))];
  const panels = kinds.map((kind) => panel(comparison, kind, entries));
  return `<h2>${escapeText(measure.title)}</h2><div class="panels">${panels.join('')}</div>`;
}

/**
 * A page that needs nothing beside itself.
 *
 * @param circumstances lines about the machine and the run
 */
export function chartOf(comparison: Comparison, circumstances: readonly string[]): string {
  const { systems, skipped } = comparison;
  const items = [
    ...systems.map(({ name, title }) => `<li><b>${escapeText(name)}</b>: ${escapeText(title)}</li>`),
    ...skipped.map(
      ({ system, reason }) => `<li><b>${escapeText(system)}</b>, skipped: ${escapeText(reason)}</li>`,
    ),
  ];
  const shown = MEASURES.filter(({ name }) => name === 'outage' || name === 'stall');
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Failover, compared</title>',
    `<style>${STYLE}</style></head><body><h1>Failover, compared</h1>`,
    ...circumstances.map((line) => `<p>${escapeText(line)}</p>`),
    '<p>Each dot is a median, the band reaches to the 95th percentile, the stroke is the maximum; beside it median (95 %) in ms.',
    'The axis is logarithmic. A hollow dot at its left end: nothing lost. At its right end: not over when the watch ended.</p>',
    `<ul>${items.join('')}</ul>`,
    ...shown.map((measure) => section(comparison, measure)),
    '</body></html>\n',
  ].join('\n');
}
