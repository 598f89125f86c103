/** How tables and lines for people are laid out. */

/** Terminal columns that every table fits. */
export const WIDTH = 80;

export type Style = 'green' | 'yellow' | 'red' | 'cyan' | 'dim' | 'bold';

/** Select Graphic Rendition codes (ECMA-48, 8.3.117). */
const CODES: Readonly<Record<Style, number>> = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 };

export function paint(text: string, style: Style | undefined, colour: boolean): string {
  return colour && style !== undefined ? `\x1b[${CODES[style]}m${text}\x1b[0m` : text;
}

/** `text` in at most `width` columns, with `…` in the place of what doesn't fit. */
export function cut(text: string, width: number): string {
  const characters = [...printable(text)];
  return characters.length <= width
    ? characters.join('')
    : `${characters.slice(0, Math.max(width - 1, 0)).join('')}…`;
}

/** Without control characters, which a terminal would obey: interface names may have them. */
export function printable(text: string): string {
  return text.replace(/\p{C}/gu, '?');
}

export interface Cell {
  readonly text: string;
  readonly style?: Style | undefined;
}

export interface Column {
  readonly title: string;
  /** narrowest width where the table doesn't fit; undefined for a column that is never cut */
  readonly least?: number;
}

/** Lines of a table with its titles. Columns that may be are cut, the widest first, until it fits {@link WIDTH}. */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  colour: boolean,
): string[] {
  const titles = columns.map(({ title }): Cell => ({ text: title, style: 'bold' }));
  const lines = [titles, ...rows];
  const widths = shrink(
    columns,
    columns.map((_, index) => Math.max(...lines.map((row) => [...printable(row[index]!.text)].length))),
  );
  return lines.map((row) => {
    const last = row.length - 1;
    const cells = row.map(({ text, style }, index) => {
      const shown = cut(text, widths[index]!);
      const padding = index === last ? '' : ' '.repeat(widths[index]! - [...shown].length);
      return paint(shown, style, colour) + padding;
    });
    return cells.join(GAP).trimEnd();
  });
}

const GAP = '  ';

function shrink(columns: readonly Column[], natural: readonly number[]): readonly number[] {
  const widths = [...natural];
  const total = () => widths.reduce((sum, width) => sum + width, 0) + GAP.length * (widths.length - 1);
  while (total() > WIDTH) {
    let widest = -1;
    for (const [index, { least }] of columns.entries())
      if (least !== undefined && widths[index]! > least && (widest < 0 || widths[index]! > widths[widest]!))
        widest = index;
    if (widest < 0) break;
    widths[widest]! -= 1;
  }
  return widths;
}

/** How long ago: `12s`, `3m12s`, `2h05m`, `3d4h`. A time to come, by a stepped clock, counts as now. */
export function formatAge(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const [minutes, hours, days] = [
    Math.floor(seconds / 60),
    Math.floor(seconds / 3600),
    Math.floor(seconds / 86_400),
  ];
  if (minutes === 0) return `${seconds}s`;
  if (hours === 0) return `${minutes}m${two(seconds % 60)}s`;
  if (days === 0) return `${hours}h${two(minutes % 60)}m`;
  return `${days}d${hours % 24}h`;
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}

/** A round trip of `ms`: `0.12ms`, `12.3ms`, `1.2s`; `-` where none is known. */
export function formatRoundTrip(ms: number | null): string {
  if (ms === null) return '-';
  if (ms < 10) return `${ms.toFixed(2)}ms`;
  return ms < 1000 ? `${ms.toFixed(1)}ms` : `${(ms / 1000).toFixed(1)}s`;
}
