import { Statement } from '../../agent/core/statement';
import type { Ipv4 } from '../../agent/wire/address';
import { hears } from '../../agent/wire/beacon';

const LAST = 0xffffffff as Ipv4;
const [A, B, C] = [11, 22, 33] as Ipv4[];

const judged = () => true;
const unjudged = () => false;

/** A statement that was sent already, as if there had been room up to an address. */
function said(hosts: readonly Ipv4[], to: Ipv4 = LAST): Statement {
  const statement = new Statement();
  statement.sent(statement.next(hosts, false, unjudged), to, hosts);
  return statement;
}

describe('an urgent statement', () => {
  test('leaves out who was judged', () => {
    const { from, to, runs } = said([A!, B!]).next([A!], true, judged);
    expect([hears({ from, to, runs }, A!), hears({ from, to, runs }, B!)]).toEqual([true, false]);
  });

  test('says nothing of anybody where somebody is left out who was not judged, until two regular ones have left it out', () => {
    const statement = said([A!, B!]);
    for (let time = 0; time < 3; time += 1) {
      const heard = statement.next([A!], true, (host) => host !== B);
      expect([A!, B!, C!].map((host) => hears(heard, host))).toEqual([undefined, undefined, undefined]);
      statement.sent(heard, heard.to, [A!]);
    }
    const regular = statement.next([A!], false, unjudged);
    expect([A!, B!].map((host) => hears(regular, host))).toEqual([true, false]);
    statement.sent(regular, LAST, [A!]);
    // That one may have got lost; whoever misses two asks by itself.
    expect(hears(statement.next([A!], true, unjudged), B!)).toBeUndefined();
    statement.sent(regular, LAST, [A!]);
    expect(hears(statement.next([A!], true, unjudged), B!)).toBe(false);
  });

  test('leaves out who was never said to be heard', () => {
    expect(hears(said([A!]).next([A!], true, unjudged), B!)).toBe(false);
  });
});

describe('where not all find room', () => {
  test('the next one goes on behind the last', () => {
    const hosts = [A!, B!, C!];
    const statement = said(hosts, B!);
    const next = statement.next(hosts, false, unjudged);
    expect([next.from, hears(next, C!)]).toEqual([B! + 1, true]);
    statement.sent(next, LAST, hosts);
    expect(statement.next(hosts, false, unjudged).from).toBe(0);
  });

  test('who stands in another part than the last one was said to be heard all the same', () => {
    const statement = said([A!, B!, C!], B!);
    const next = statement.next([B!, C!], false, unjudged);
    statement.sent(next, LAST, [B!, C!]);
    // A was said by the first part, and is left out of the next first part.
    expect(hears(statement.next([B!, C!], true, unjudged), C!)).toBeUndefined();
    expect(hears(statement.next([B!, C!], true, judged), A!)).toBe(false);
  });
});
