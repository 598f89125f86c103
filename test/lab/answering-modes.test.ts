import type { LabHost } from '../../deploy/lab/host';
import { Lab } from '../../deploy/lab/lab';
import { arping, decodeByTshark, exchange, type Form, REQUESTS } from './answering-tools';
import { set, settings, Witness } from './daemon-tools';

jest.setTimeout(60_000);

type Mode = 'auto' | 'kernel' | 'agent';

/** What a host's operator has set, under net.ipv4.conf, on all its links or under `all`. */
interface Hardening {
  readonly name: string;
  readonly setting?: 'arp_ignore' | 'arp_filter';
  readonly on?: 'all' | 'link';
  readonly value?: number;
}

const HARDENED: readonly Hardening[] = [
  { name: 'plain' },
  ...(['link', 'all'] as const).flatMap((on) => [
    ...[1, 2, 3, 8].map(
      (value): Hardening => ({ name: `ignore-${on}-${value}`, setting: 'arp_ignore', on, value }),
    ),
    { name: `filter-${on}`, setting: 'arp_filter', on, value: 1 } as const,
  ]),
];

/** Whether a kernel with this `arp_ignore` answers for an address of another interface (Documentation/networking/ip-sysctl). */
function kernelAnswers({ setting, value }: Hardening): boolean {
  return setting !== 'arp_ignore' || value === 3;
}

/** Who should answer for the alias, and why. */
function responder(mode: Mode, hardening: Hardening): { acting: string; reason: string } {
  if (mode === 'kernel') return { acting: 'kernel', reason: 'configured' };
  if (mode === 'agent') {
    // The kernel answers whatever the links say, and two answers would be worse than its alone.
    return hardening.on === 'all' && hardening.value === 3
      ? { acting: 'kernel', reason: 'not-silenceable' }
      : { acting: 'agent', reason: 'configured' };
  }
  if (!kernelAnswers(hardening)) return { acting: 'agent', reason: 'arp-ignore' };
  if (hardening.setting === 'arp_filter') return { acting: 'agent', reason: 'arp-filter' };
  return { acting: 'kernel', reason: 'kernel-answers' };
}

const PLANES = ['a', 'b'];
const FORMS: readonly Form[] = ['broadcast', 'unicast', 'probe'];
/** An address that every host with `arp_filter` routes by plane a. */
const ELSEWHERE = '10.99.0.1';

/** An address in the midst of the aliases that is nobody's. */
const NOBODYS = '10.78.0.200';

let lab: Lab;
let asker: LabHost;
let witnesses: readonly Witness[];

afterEach(() => lab.destroy());

async function build(mode: Mode): Promise<void> {
  lab = await Lab.create({
    hosts: [...HARDENED.map(({ name }) => name), { name: 'asker', agent: false }],
    planes: PLANES,
    // Many agents on few processors: nobody is watched here, and nothing is repeated that a test would count.
    configuration: {
      arp: { responder: mode, repeat: 1, refresh: 'off' },
      probe: { interval: '2s', retry: '500ms' },
    },
  });
  asker = lab.host('asker');
  await Promise.all(
    HARDENED.map(async ({ name, setting, on, value }) => {
      const host = lab.host(name);
      const where = on === 'all' ? ['all'] : ['eth0', 'eth1'];
      if (setting !== undefined)
        await set(host, Object.fromEntries(where.map((one) => [`${one}/${setting}`, value!])));
      if (setting === 'arp_filter') await host.ip(`route add ${ELSEWHERE}/32 dev eth0 scope link`);
      await host.startAgent();
    }),
  );
  witnesses = await Promise.all(PLANES.map((plane) => Witness.start(asker, plane)));
}

/** Asks all hosts for their aliases at once, by one form of request, on both planes; how many answers each host gave by each. */
async function askAll(form: Form): Promise<Record<string, number[]>> {
  const answers = HARDENED.map(async ({ name }) => {
    const host = lab.host(name);
    const counts = PLANES.map((plane) =>
      arping(asker, plane, host.alias, form, { mac: host.link(plane).mac }),
    );
    return [name, await Promise.all(counts)] as const;
  });
  return Object.fromEntries(await Promise.all(answers));
}

test.each<Mode>(['auto', 'agent', 'kernel'])(
  'mode %s: one answer to a request, from the link that was asked, whatever the host is set to',
  async (mode) => {
    await build(mode);
    for (const { name, ...hardening } of HARDENED) {
      const expected = { configured: mode, ...responder(mode, { name, ...hardening }) };
      expect([name, (await lab.host(name).status()).responder]).toEqual([name, expected]);
    }
    const answered = (hardening: Hardening) =>
      responder(mode, hardening).acting === 'agent' || kernelAnswers(hardening) ? REQUESTS : 0;
    const everywhere = Object.fromEntries(
      HARDENED.map((hardening) => [hardening.name, PLANES.map(() => answered(hardening))]),
    );
    for (const form of FORMS) expect([form, await askAll(form)]).toEqual([form, everywhere]);

    const plain = lab.host('plain');
    const own = plain.link('a').address!;
    const [nobodys, itsOwn, byTheOther, ...filtered] = await Promise.all([
      arping(asker, 'a', NOBODYS),
      arping(asker, 'a', own),
      arping(asker, 'b', own),
      // arp_filter: the way back is by plane a, and the kernel would answer there alone.
      ...HARDENED.filter(({ setting }) => setting === 'arp_filter').map(({ name }) =>
        arping(asker, 'b', lab.host(name).alias, 'broadcast', { source: ELSEWHERE }),
      ),
    ]);
    expect(filtered).toEqual(Array(2).fill(mode === 'kernel' ? 0 : REQUESTS));
    // Whose address it is not, nobody says; for a link's own address the kernel alone speaks, silenced for other links' or not.
    const silenced = mode === 'agent';
    expect({ nobodys, itsOwn, byTheOther }).toEqual({
      nobodys: 0,
      itsOwn: REQUESTS,
      byTheOther: silenced ? 0 : REQUESTS,
    });
    const ignores = await settings(plain, 'eth0/arp_ignore', 'eth1/arp_ignore', 'all/arp_ignore');
    expect(ignores).toEqual(silenced ? [1, 1, 0] : [0, 0, 0]);
    await proveCaptures(answered);
  },
);

/** What the asker saw on its links: as many answers as requests, by the right card, and nothing that tshark complains of. */
async function proveCaptures(answered: (hardening: Hardening) => number): Promise<void> {
  for (const [index, plane] of PLANES.entries()) {
    const witness = witnesses[index]!;
    await witness.stop();
    const { mac } = asker.link(plane);
    for (const hardening of HARDENED.filter(({ setting }) => setting !== 'arp_filter')) {
      const host = lab.host(hardening.name);
      const { asked, by } = exchange(witness, mac, host.alias);
      expect(asked).toBe(FORMS.length * REQUESTS);
      const expected = answered(hardening) > 0 ? Array(asked).fill(host.link(plane).mac) : [];
      expect([hardening.name, by]).toEqual([hardening.name, expected]);
    }
    expect(exchange(witness, mac, NOBODYS).by).toEqual([]);
    const decoded = await decodeByTshark(asker, witness.captured);
    expect(decoded).toHaveLength(witness.captured.length);
    expect(decoded.filter(({ operation, complaints }) => operation === '' || complaints !== '')).toEqual([]);
  }
}
