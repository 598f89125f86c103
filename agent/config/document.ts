import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type ParsedNode,
  parseDocument,
} from 'yaml';
import { formatPath, MOST_PROBLEMS, type Path, type Problem } from './problem';

/** YAML aliases in one file. They are expanded, so nested ones grow without bound; a cluster's file needs none or a few. */
const MOST_ALIASES = 100;

/** Values in one file, aliases expanded: twice what a file of the largest size has that is nothing but hosts. */
const MOST_VALUES = 250_000;

/** Nesting of maps and lists. The schema needs 4. */
const DEEPEST = 16;
/** Open brackets at which a text is not even parsed: each costs the parser a kilobyte. Some may stand in comments and in quotes. */
const MOST_OPEN = 1000;

/** Syntax errors reported for one file: those behind the first few mostly follow from them. */
const MOST_SYNTAX_ERRORS = 10;

/** What syntax errors of the parser mean for somebody who writes a configuration, by the parser's code. */
const SYNTAX: Readonly<Record<string, readonly [message: string, mend: string]>> = {
  DUPLICATE_KEY: ['a key stands here for the second time', 'remove one of the two, or merge them'],
  TAB_AS_INDENT: ['a tab indents this line', 'indent with spaces'],
  MULTIPLE_DOCS: ['a second document begins here', "keep one document, without a second '---'"],
  RESOURCE_EXHAUSTION: [
    'maps and lists are nested too deep',
    'write the configuration as the documentation shows it',
  ],
};

/** A YAML file as plain values, which remembers where each value and each key stands. */
export class SourceDocument {
  /** maps as objects, lists as arrays, scalars; undefined where the text is no YAML or holds nothing */
  readonly value: unknown;
  readonly problems: Problem[] = [];
  private readonly lines = new LineCounter();
  private readonly document;
  private aliases = 0;
  private values = 0;
  /** the latest with each name, as far as was read: the one that an alias means */
  private readonly anchors = new Map<string, Node>();

  /** Reads `text`; what is wrong with it as YAML is in {@link problems}. Never throws. */
  constructor(
    text: string,
    readonly file: string,
  ) {
    const isTooDeep = mostOpen(text) > MOST_OPEN;
    this.document = withoutStacks(() =>
      parseDocument(isTooDeep ? '' : text, {
        lineCounter: this.lines,
        prettyErrors: false,
        logLevel: 'error',
        // The package compares each key of a map with all before it.
        uniqueKeys: false,
      }),
    );
    for (const { code, message, pos } of this.document.errors.slice(0, MOST_SYNTAX_ERRORS)) {
      const [said, mend] = SYNTAX[code] ?? [`this is not YAML: ${lowerFirst(message)}`, 'correct the syntax'];
      this.report(pos[0], '', said, mend);
    }
    for (const { message, pos } of this.document.warnings.slice(0, MOST_SYNTAX_ERRORS))
      this.report(pos[0], '', lowerFirst(message), 'write plain YAML without tags and directives');
    if (isTooDeep) this.report(0, '', ...SYNTAX.RESOURCE_EXHAUSTION!);
    this.value = this.problems.length > 0 ? undefined : this.plain(this.document.contents, []);
  }

  /** A problem at the value with this path (or at its key), or at the nearest value around it that exists. */
  problem(path: Path, at: 'key' | 'value', message: string, mend: string): Problem {
    return this.build(this.offset(path, at), formatPath(path), message, mend);
  }

  private report(offset: number, path: string, message: string, mend: string): void {
    if (this.problems.length >= MOST_PROBLEMS) return;
    this.problems.push(this.build(offset, path, message, mend));
  }

  private build(offset: number, path: string, message: string, mend: string): Problem {
    const { line, col } = this.lines.linePos(offset);
    // The counter knows no line in a text without characters.
    return { file: this.file, line: Math.max(line, 1), column: Math.max(col, 1), path, message, mend };
  }

  /** The value of a node; aliases are followed, since a configuration may share one map among hosts. */
  private plain(node: ParsedNode | Node | null, path: Path): unknown {
    if (node === null) return null;
    if (path.length > DEEPEST) return this.refuse(node, path, ...SYNTAX.RESOURCE_EXHAUSTION!);
    if (isAlias(node)) return this.followed(node.source, node, path);
    this.values += 1;
    if (this.values > MOST_VALUES) return this.tooMany(node, path);
    if (node.anchor !== undefined) this.anchors.set(node.anchor, node);
    if (isSeq(node)) return node.items.map((item, index) => this.plain(item as Node, [...path, index]));
    if (isMap(node)) return this.plainMap(node, path);
    return isScalar(node) ? node.value : undefined;
  }

  private plainMap(
    map: { readonly items: readonly { key: unknown; value: unknown }[] },
    path: Path,
  ): unknown {
    const entries = new Map<string, unknown>();
    for (const { key, value } of map.items) {
      const name = isScalar(key) && key.value !== null ? String(key.value) : undefined;
      // An own property of this name is skipped by most code that copies objects, so it would vanish unseen.
      if (name === undefined || name === '__proto__') {
        this.refuse(key as Node, path, 'this is no usable key', 'write a name');
        continue;
      }
      if (entries.has(name)) this.refuse(key as Node, [...path, name], ...SYNTAX.DUPLICATE_KEY!);
      else entries.set(name, this.plain(value as Node | null, [...path, name]));
    }
    return Object.fromEntries(entries);
  }

  private followed(name: string, node: Node, path: Path): unknown {
    this.aliases += 1;
    const mend = 'write the value out';
    if (this.aliases === MOST_ALIASES + 1)
      return this.refuse(node, path, `more than ${MOST_ALIASES} YAML aliases`, mend);
    if (this.aliases > MOST_ALIASES) return undefined;
    const target = this.anchors.get(name);
    if (target === undefined)
      return this.refuse(node, path, `no anchor &${name} stands before this alias`, mend);
    return this.plain(target, path);
  }

  private tooMany(node: Node, path: Path): undefined {
    if (this.values === MOST_VALUES + 1)
      this.refuse(
        node,
        path,
        'too many values, YAML aliases expanded',
        'write the configuration as the documentation shows it',
      );
  }

  private refuse(node: Node, path: Path, message: string, mend: string): undefined {
    this.report(node?.range?.[0] ?? 0, formatPath(path), message, mend);
  }

  /**
   * Where a value or its key stands. The walk stops at the last thing that exists, so that a missing option points to the
   * key of the map that should hold it.
   */
  private offset(path: Path, at: 'key' | 'value'): number {
    let node: unknown = this.document.contents;
    const start = this.document.contents?.range[0] ?? 0;
    let found = { key: start, value: start };
    for (const part of path) {
      const map = isAlias(node) ? node.resolve(this.document) : node;
      let pair: { readonly key?: unknown; readonly value?: unknown } | undefined;
      if (isSeq(map)) pair = { key: map.items[Number(part)], value: map.items[Number(part)] };
      else if (isMap(map)) pair = map.items.find(({ key }) => isScalar(key) && String(key.value) === part);
      const key = startOf(pair?.key);
      if (key === undefined) break;
      found = { key, value: startOf(pair?.value) ?? key };
      node = pair?.value;
    }
    return found[at];
  }
}

/** The most brackets of flow collections that are open at one place of the text. */
function mostOpen(text: string): number {
  let [open, most] = [0, 0];
  for (let index = 0; index < text.length; index++) {
    const character = text[index];
    if (character === '[' || character === '{') most = Math.max(most, ++open);
    else if ((character === ']' || character === '}') && open > 0) open -= 1;
  }
  return most;
}

/** What `act` returns; errors that are made meanwhile have no stacks, which take much of the time and memory where there are many. */
function withoutStacks<T>(act: () => T): T {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return act();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

function startOf(node: unknown): number | undefined {
  return (node as Node | null | undefined)?.range?.[0];
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
