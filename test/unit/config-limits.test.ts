import { LARGEST_FILE, parseConfiguration } from '../../agent/config/load';
import { ConfigurationError, formatProblem, MOST_PROBLEMS } from '../../agent/config/problem';

/** The lines of the error that a text gives. */
function linesOf(text: string): string[] {
  try {
    parseConfiguration(text, 'c.yaml');
  } catch (error) {
    if (error instanceof ConfigurationError) return error.message.split('\n');
    throw error;
  }
  throw new Error('it has no error');
}

/** Pieces of text, up to about a quarter of the largest file. */
function many(piece: (index: number) => string): string {
  let text = '';
  for (let index = 0; text.length < LARGEST_FILE / 4; index++) text += piece(index);
  return text;
}

const HEAD = 'cluster: demo\nplanes: [a, b]\nhosts:';

describe('a large file is read in a time that grows with its size', () => {
  // Each of these took a minute and more when keys, or problems with places, were compared with each other.
  const patience = 30_000;

  test(
    'of which every key is unknown',
    () => expect(linesOf(many((index) => `key${index}: 1\n`))).toHaveLength(MOST_PROBLEMS),
    patience,
  );
  test(
    'of which every host is wrong',
    () => expect(linesOf(`${HEAD}\n${many((index) => ` h${index}: 1\n`)}`)).toHaveLength(MOST_PROBLEMS),
    patience,
  );
  test(
    'with thousands of planes',
    () => expect(linesOf(`planes: [${many((index) => `p${index}, `)}]`)).toHaveLength(3),
    patience,
  );
  test(
    'with thousands of hosts',
    () => {
      const host = (index: number) =>
        ` h${index}: { alias: 10.${index >> 16}.${(index >> 8) & 255}.${index & 255}, links: { a: e0, b: e1 } }\n`;
      const { configuration } = parseConfiguration(`${HEAD}\n${many(host)}`, 'c.yaml');
      expect(configuration.hosts.size).toBeGreaterThan(3000);
    },
    patience,
  );
});

describe('what is small and grows is refused', () => {
  test('aliases of aliases', () => {
    const list = (index: number) =>
      `a${index}: &a${index} [${Array(10)
        .fill(`*a${index - 1}`)
        .join(', ')}]\n`;
    const text = `a0: &a0 [x]\n${Array.from({ length: 90 }, (_, index) => list(index + 1)).join('')}`;
    expect(linesOf(text)).toEqual(['c.yaml:2:15: more than 100 YAML aliases; write the value out']);
  });

  test('one long list, many times', () => {
    const text = `a: &a [${many(() => 'x,')}]\n${Array.from({ length: 99 }, (_, index) => `b${index}: *a\n`).join('')}`;
    expect(linesOf(text)).toEqual([expect.stringContaining('too many values, YAML aliases expanded; write')]);
  });

  test('an alias of itself', () => {
    expect(linesOf('a: &a [*a]')).toEqual([expect.stringContaining('maps and lists are nested too deep')]);
  });

  test.each(['[', '{', '{ a: '])('nothing but %s', (open) => {
    const said =
      'c.yaml:1:1: maps and lists are nested too deep; write the configuration as the documentation shows it';
    expect(linesOf(many(() => open))).toEqual([said]);
  });
});

describe('a problem is one line, and does nothing to a terminal', () => {
  test.each([
    ['a key with a line feed', `${HEAD} { "x\\nc.yaml:1:1: all is well": 1 }`],
    ['a key that clears the screen', `${HEAD} { "\\e[2J": 1 }`],
    ['a key that turns the line around', `${HEAD} { "\u202e": 1 }`],
    ['half a pair', `${HEAD} { "\\ud800": 1 }`],
    ['a byte that is nothing', 'a: {\0}'],
    ['a key of a thousand letters', `${HEAD} { ${'x'.repeat(1000)}: 1 }`],
    ['a thousand bytes that are nothing', `a: {${'\x1f'.repeat(1000)}}`],
    ['an alias of a thousand letters', `a: *${'x'.repeat(1000)}`],
  ])('%s', (_name, text) => {
    for (const line of linesOf(text)) expect(line).toMatch(/^c\.yaml:\d+:\d+: [^\p{C}\p{Zl}\p{Zp}]{1,850}$/u);
  });

  test('what is not shown is written as JSON writes it', () => {
    const problem = { file: 'c', line: 1, column: 1, path: '', message: 'a\n\u{e0001}', mend: 'b' };
    expect(formatProblem(problem)).toBe('c:1:1: a\\u000a\\udb40\\udc01; b');
  });
});

test('a key is the same with quotes and without', () => {
  expect(linesOf(`${HEAD} { 1: x, "1": y }`)[0]).toBe(
    'c.yaml:3:16: a key stands here for the second time; remove one of the two, or merge them',
  );
});

test('an alias means the last anchor before it', () => {
  const hosts = (anchor: string) =>
    ` { x: { alias: 10.0.0.1, links: &l { a: e0 } }, y: ${anchor}, z: { alias: 10.0.0.3, links: *l } }`;
  const { configuration } = parseConfiguration(
    `${HEAD}${hosts('{ alias: 10.0.0.2, links: &l { a: e1 } }')}`,
    'c.yaml',
  );
  expect(configuration.hosts.get('z')).toMatchObject({ links: new Map([['a', 'e1']]) });
});
