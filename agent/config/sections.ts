import type * as z from 'zod/mini';
import type { SourceDocument } from './document';
import { Fault, show } from './fault';
import { formatPath, MOST_PROBLEMS, type Path, type Problem } from './problem';
import { nearest } from './spelling';

/** Collects what is wrong while the sections of one file are read. */
export class Reader {
  constructor(
    private readonly source: SourceDocument,
    readonly problems: Problem[],
    readonly warnings: Problem[],
  ) {}

  /** Records a problem at the value with this path, or at its key. */
  refuse(path: Path, fault: Fault, at: 'key' | 'value' = 'value'): void {
    // To find the place of each takes as long as the file is.
    if (this.problems.length < MOST_PROBLEMS) this.problems.push(this.problem(path, fault, at));
  }

  /** Records something that is accepted and yet worth a line. */
  warn(path: Path, fault: Fault): void {
    if (this.warnings.length < MOST_PROBLEMS) this.warnings.push(this.problem(path, fault, 'key'));
  }

  /** The section's value, or undefined where it has errors; they are recorded. */
  section<S extends z.ZodMiniType>(
    schema: S,
    value: unknown,
    path: Path,
    keys: readonly string[],
  ): z.output<S> | undefined {
    const result = schema.safeParse(value);
    if (result.success) return result.data;
    for (const issue of result.error.issues) this.issue(issue, value, path, keys);
    return undefined;
  }

  /** Records every key that is not among `keys`, with the one that was probably meant. */
  unknownKeys(found: readonly string[], path: Path, keys: readonly string[]): void {
    for (const key of found) {
      if (keys.includes(key)) continue;
      const meant = nearest(key, keys);
      const mend =
        meant === undefined ? `remove it; known here: ${keys.join(', ')}` : `did you mean '${meant}'?`;
      this.refuse([...path, key], new Fault('unknown key', mend), 'key');
    }
  }

  private problem(path: Path, fault: Fault, at: 'key' | 'value'): Problem {
    const name = formatPath(path);
    return this.source.problem(
      path,
      at,
      name === '' ? fault.message : `${name}: ${fault.message}`,
      fault.mend,
    );
  }

  private issue(issue: z.core.$ZodIssue, value: unknown, path: Path, keys: readonly string[]): void {
    const inner = withoutLoneIndex(value, issue.path as Path);
    const place = [...path, ...inner];
    const held = valueAt(value, inner);
    if (issue.code === 'unrecognized_keys') {
      this.unknownKeys(issue.keys, place, keys);
    } else if (issue.code === 'custom') {
      this.refuse(
        place,
        new Fault(issue.message, String(issue.params?.mend)),
        held === undefined ? 'key' : 'value',
      );
    } else {
      const [kind, mend] = expected(issue);
      if (held === undefined) this.refuse(place, new Fault('is missing', mend), 'key');
      else
        this.refuse(place, new Fault(held === null ? 'has no value' : `${show(held)} is not ${kind}`, mend));
    }
  }
}

/** The kind of collection that a schema wanted; all else is judged by the scalars themselves. */
function expected(issue: z.core.$ZodIssue): readonly [kind: string, mend: string] {
  const list = issue.code === 'invalid_type' && issue.expected === 'array';
  return list
    ? ['a list', 'write a list, such as [a, b]']
    : ['a map', 'write keys and values, such as { key: value }'];
}

function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (held, part) => (held as Readonly<Record<string | number, unknown>> | null | undefined)?.[part],
    value,
  );
}

/** The path without a last index where one value stands in the place of a list of one. */
function withoutLoneIndex(value: unknown, path: Path): Path {
  const lone = typeof path.at(-1) === 'number' && !Array.isArray(valueAt(value, path.slice(0, -1)));
  return lone ? path.slice(0, -1) : path;
}
