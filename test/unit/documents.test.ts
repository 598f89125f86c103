import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

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

test.each(documents)('%s links to files that exist', (document) => {
  const text = readFileSync(join(ROOT, document), 'utf8');
  const targets = [...text.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)].map((match) => match[1] ?? '');
  const missing = targets.filter((target) => !existsSync(join(ROOT, dirname(document), target)));
  expect(missing).toEqual([]);
});
