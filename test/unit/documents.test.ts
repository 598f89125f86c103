import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { FAULT_KINDS } from '../sim/fault';
import { RULES } from '../sim/violation';

const ROOT = join(__dirname, '..', '..');
const AGENT = join(ROOT, 'agent');

const sources = readdirSync(AGENT, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => ({ file, text: readFileSync(join(AGENT, file), 'utf8') }));

const events = readFileSync(join(ROOT, 'docs', 'events.md'), 'utf8');

/** @returns what the first group of `pattern` matches in the sources under `folder`, each once */
function namesIn(pattern: RegExp, folder = ''): string[] {
  const texts = sources.filter(({ file }) => file.startsWith(folder)).map(({ text }) => text);
  return [...new Set(texts.flatMap((text) => [...text.matchAll(pattern)].map((match) => match[1] ?? '')))];
}

/** @returns the members of the union type `name` of string literals */
function membersOf(name: string): string[] {
  const union = sources.map(({ text }) => text.split(`export type ${name} =`)[1]?.split(';')[0] ?? '').join();
  return [...union.matchAll(/'([a-z-]+)'/g)].map((match) => match[1] ?? '');
}

describe('docs/events.md', () => {
  const told = [
    ...namesIn(/\bnote(?:Problem)?\(\s*'([a-z-]+)'/g),
    ...namesIn(/\bevent: '([a-z-]+)'/g),
    ...namesIn(/'((?:link|carrier|peer)-[a-z-]+|failover)'/g, 'core/failover').concat(
      namesIn(/'((?:link|carrier)-[a-z-]+)'/g, 'core/link'),
      namesIn(/'(host-[a-z]+)'/g, 'core/discovery'),
    ),
    ...membersOf('PathState')
      .filter((state) => state !== 'unknown' && state !== 'drained')
      .map((state) => `path-${state}`),
  ];

  test('the search finds the events', () => {
    expect(told).toEqual(
      expect.arrayContaining(['ready', 'failover', 'path-down', 'carrier-lost', 'kernel-refused', 'fatal']),
    );
  });

  test.each([...new Set(told)].sort())('lists the event %s', (name) => {
    expect(events).toContain(`\`${name}\``);
  });

  const counters = [
    ...membersOf('IgnoreReason'),
    ...membersOf('ArpDropReason'),
    ...membersOf('BeaconDropReason'),
    ...membersOf('BeaconIgnoreReason'),
    ...membersOf('BeaconVerdict'),
    ...namesIn(/\bcount\('([a-z-]+)'/g),
    ...namesIn(/\bcount\([a-z]+ \? '([a-z-]+)'/g),
  ];

  test.each([...new Set(counters)].sort())('lists the counter %s', (name) => {
    expect(events).toContain(`\`${name}\``);
  });

  test.each(membersOf('Cause'))('lists the cause %s', (name) => {
    expect(events).toContain(`\`${name}\``);
  });
});

const documents = ['README.md', ...readdirSync(join(ROOT, 'docs')).map((name) => join('docs', name))];

function textOf(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8');
}

/** What the first group of `pattern` matches in a text, each once. */
function allIn(text: string, pattern: RegExp): string[] {
  return [...new Set([...text.matchAll(pattern)].map((match) => match[1] ?? ''))];
}

/** The anchors of a document's headings, as GitHub makes them. */
function anchorsOf(file: string): string[] {
  const words = (heading: string) => heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
  return allIn(textOf(file), /^#+ (.*)$/gm).map((heading) =>
    words(heading)
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );
}

test.each(documents)('%s links to files and headings that exist', (document) => {
  const missing = allIn(textOf(document), /\]\(([^):]+)\)/g).filter((target) => {
    const [path = '', anchor] = target.split('#');
    const file = path === '' ? document : join(dirname(document), path);
    if (!existsSync(join(ROOT, file))) return true;
    return anchor !== undefined && !anchorsOf(file).includes(anchor);
  });
  expect(missing).toEqual([]);
});

describe.each(documents)('the commands of %s', (document) => {
  // Of code alone: in a sentence one makes other things as well.
  const code = [...textOf(document).matchAll(/`[^`\n]+`|^ {4}.*$|^```[\s\S]*?^```/gm)].map(String).join('\n');

  test('are targets of the Makefile', () => {
    const targets = allIn(textOf('Makefile'), /^([a-z][\w-]*)(?=[ a-z-]*:(?!=))/gm);
    const named = allIn(code, /(?:^|[`&] ?| {4})make ([a-z][\w-]*)/gm);
    expect(named.filter((target) => !targets.includes(target))).toEqual([]);
  });

  test('name files and tests that exist', () => {
    const files = allIn(code, /\b((?:dist\/)?(?:test|deploy|agent)\/[\w./-]+\.(?:ts|js|sh))\b/g);
    const sourceOf = (file: string) => file.replace(/^dist\/(.*)\.js$/, '$1.ts');
    expect(files.filter((file) => !existsSync(join(ROOT, sourceOf(file))))).toEqual([]);
    const tests = readdirSync(join(ROOT, 'test'), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.test.ts'))
      .map((file) => `/test/${file}`);
    const patterns = allIn(code, /--testPathPatterns '?([^\s'`]+)/g).filter((pattern) => pattern !== 'NAME');
    const alone = (pattern: string) => !tests.some((file) => new RegExp(pattern).test(file));
    expect(patterns.filter(alone)).toEqual([]);
  });
});

describe('the tables of docs/RELIABILITY.md', () => {
  const [rules = '', faults = ''] = ['| rule | meaning |', '| faults | kinds |'].map(
    (head) => textOf('docs/RELIABILITY.md').split(head)[1]?.split('\n\n')[0],
  );

  test('name all rules of the simulation, and no other', () => {
    const named = allIn(rules.replace(/^(\| [^|]*)\|.*$/gm, '$1'), /`([a-z-]+)`/g);
    expect(named.sort()).toEqual(Object.keys(RULES).sort());
  });

  test('name all kinds of faults of the simulation, and no other', () => {
    expect(allIn(faults, /`([a-z-]+)`/g).sort()).toEqual([...FAULT_KINDS].sort());
  });

  test.each(['targets', 'native'])('name all %s of the fuzzers', (folder) => {
    const targets = readdirSync(join(ROOT, 'test', 'fuzz', 'guided', folder));
    const names = targets.map((file) => file.replace(/\.\w+$/, ''));
    expect(names.filter((name) => !textOf('docs/RELIABILITY.md').includes(`| \`${name}\``))).toEqual([]);
  });
});
