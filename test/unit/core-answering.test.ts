import { type ArpSettings, chooseResponder, kernelAnswers } from '../../agent/core/answering';
import { isFiltered, type LinkSettings, settingsToChange } from '../../agent/core/settings';
import { FINE } from './core-fixtures';

const OPEN: ArpSettings = { arpIgnore: 0, arpIgnoreAll: 0, arpFilter: 0 };
const HARD: ArpSettings = { ...OPEN, arpIgnore: 1 };
const HARD_BY_ALL: ArpSettings = { ...OPEN, arpIgnore: 2, arpIgnoreAll: 2 };
/** `all` has 3: the kernel answers, and 1 on the link would not silence it. */
const INSISTING: ArpSettings = { ...OPEN, arpIgnore: 3, arpIgnoreAll: 3 };

const kernel = (reason: string) => ({ acting: 'kernel', reason, silence: false });
const agent = (reason: string, silence: boolean) => ({ acting: 'agent', reason, silence });

test.each([
  [0, true],
  [1, false],
  [2, false],
  [3, true],
  [8, false],
])('with arp_ignore=%d the kernel answers for the alias: %p', (value, expected) => {
  expect(kernelAnswers(value)).toBe(expected);
});

describe('who answers', () => {
  test.each([
    ['auto', [OPEN, OPEN], false, kernel('kernel-answers')],
    ['auto', [], false, kernel('kernel-answers')],
    ['auto', [HARD, HARD], false, agent('arp-ignore', false)],
    ['auto', [HARD, OPEN], false, agent('arp-ignore', true)],
    ['auto', [HARD_BY_ALL, HARD_BY_ALL], false, agent('arp-ignore', false)],
    ['auto', [OPEN, { ...OPEN, arpFilter: 1 }], false, agent('arp-filter', true)],
    ['auto', [OPEN, OPEN], true, agent('planes-joined', true)],
    ['auto', [HARD, HARD], true, agent('arp-ignore', false)],
    ['auto', [INSISTING, INSISTING], false, kernel('kernel-answers')],
    ['auto', [INSISTING, INSISTING], true, kernel('not-silenceable')],
    ['agent', [OPEN, OPEN], false, agent('configured', true)],
    ['agent', [HARD, HARD], false, agent('configured', false)],
    ['agent', [INSISTING, INSISTING], false, kernel('not-silenceable')],
    ['kernel', [OPEN, OPEN], true, kernel('configured')],
    ['kernel', [HARD, HARD], false, kernel('configured')],
  ] as const)('responder %s with %j, joined %p', (configured, settings, joined, expected) => {
    expect(chooseResponder(configured, settings, joined)).toEqual(expected);
  });
});

describe('what is set on a link', () => {
  const cases: readonly [string, Partial<LinkSettings>, boolean, Record<string, number>][] = [
    ['nothing where all is well', {}, false, {}],
    [
      'routes without carrier are ignored',
      { ignoreRoutesWithLinkdown: 0 },
      false,
      { ignore_routes_with_linkdown: 1 },
    ],
    ['strict filtering becomes loose', { rpFilter: 1 }, false, { rp_filter: 2 }],
    ['so it does where `all` is strict', { rpFilter: 0, rpFilterAll: 1 }, false, { rp_filter: 2 }],
    ['loose wins over a strict `all`', { rpFilter: 2, rpFilterAll: 1 }, false, {}],
    ['no filtering stays none', { rpFilter: 0 }, false, {}],
    ['off where the link has no address', { rpFilter: 2, addressed: false }, false, { rp_filter: 0 }],
    ['the kernel is silenced', {}, true, { arp_ignore: 1 }],
    ['no more than once', { arpIgnore: 1 }, true, {}],
    ['not where the host is hardened anyhow', { arpIgnoreAll: 2 }, true, {}],
  ];

  test.each(cases)('%s', (_, changes, silence, expected) => {
    expect(Object.fromEntries(settingsToChange({ ...FINE, ...changes }, silence))).toEqual(expected);
  });

  test('what was set needs no more setting', () => {
    for (const [, changes, silence] of cases) {
      const current = { ...FINE, ...changes };
      const set = settingsToChange(current, silence);
      const after = {
        ...current,
        rpFilter: set.get('rp_filter') ?? current.rpFilter,
        arpIgnore: set.get('arp_ignore') ?? current.arpIgnore,
        ignoreRoutesWithLinkdown: 1,
      };
      expect([...settingsToChange(after, silence)]).toEqual([]);
    }
  });

  test.each([
    [{ addressed: false, rpFilterAll: 2 }, true],
    [{ addressed: false, rpFilterAll: 0 }, false],
    [{ addressed: true, rpFilterAll: 1 }, false],
  ])('%j: filtered whatever we set, %p', (changes, expected) => {
    expect(isFiltered({ ...FINE, ...changes })).toBe(expected);
  });
});
