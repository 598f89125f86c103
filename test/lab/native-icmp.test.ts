import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readlinkSync } from 'node:fs';
import { type IcmpReply, IcmpSocket } from '../../native-bindings/icmp-socket';
import { ip, makeVeth, monotonic, PATIENCE, type Veth, waitUntil } from './native-network';

const IDENTIFIER = 0x4d48;

let host: ChildProcess;
let veth: Veth;
let sockets: IcmpSocket[] = [];

/** Two cables to one host in a network namespace of its own: 10.9.0.2 by the first, 10.9.1.2 by the second. */
beforeEach(async () => {
  host = spawn('unshare', ['--net', 'sleep', 'infinity'], { stdio: 'ignore' });
  const namespaceOf = (pid: number | 'self'): string => readlinkSync(`/proc/${pid}/ns/net`);
  await waitUntil(() => namespaceOf(host.pid!) !== namespaceOf('self'), PATIENCE, 'the namespace');
  veth = makeVeth();
  ip(`link set ${veth.near.name} arp on`);
  ip(`addr add 10.9.0.1/24 dev ${veth.near.name}`);
  ip(`link set ${veth.far.name} netns ${host.pid}`);
  inHost(
    `link set ${veth.far.name} arp on`,
    `addr add 10.9.0.2/24 dev ${veth.far.name}`,
    `link set ${veth.far.name} up`,
  );
});

afterEach(() => {
  for (const socket of sockets) socket.close();
  sockets = [];
  veth.remove();
  host.kill('SIGKILL');
});

function inHost(...lines: string[]): void {
  execFileSync('nsenter', ['-t', String(host.pid), '-n', 'ip', '-batch', '-'], {
    input: `${lines.join('\n')}\n`,
  });
}

interface Pinger {
  readonly socket: IcmpSocket;
  readonly replies: IcmpReply[];
  /** why packets that came up were no answers */
  readonly strays: string[];
  readonly errors: string[];
  /** Sends requests whose answers are let in, as those of all before. */
  ask(target: string, sequences: readonly number[], source?: string): void;
}

function open(identifier: number, name = veth.near.name): Pinger {
  const replies: IcmpReply[] = [];
  const strays: string[] = [];
  const errors: string[] = [];
  const socket = IcmpSocket.open(
    { interface: name, identifier },
    {
      reply: (reply) => replies.push(reply),
      stray: (reason) => strays.push(reason),
      error: (error) => errors.push(error.message),
    },
  );
  sockets.push(socket);
  const asked: number[] = [];
  const ask: Pinger['ask'] = (target, sequences, source) => {
    for (const sequence of sequences) socket.echo(target, sequence, source);
    asked.push(...sequences);
    socket.admit(asked);
  };
  return { socket, replies, strays, errors, ask };
}

test('an echo is answered, with its sequence and the time', async () => {
  const { ask, replies, errors } = open(IDENTIFIER);
  const before = monotonic();
  ask('10.9.0.2', [0, 1, 65535]);
  await waitUntil(() => replies.length === 3, PATIENCE, 'three replies');
  expect(replies.map(({ source, sequence }) => [source, sequence])).toEqual([
    ['10.9.0.2', 0],
    ['10.9.0.2', 1],
    ['10.9.0.2', 65535],
  ]);
  for (const { at } of replies) {
    expect(at).toBeGreaterThan(before);
    expect(at).toBeLessThan(monotonic());
  }
  expect(errors).toEqual([]);
});

test('answers to another identifier are not ours, and never come up', async () => {
  const ours = open(IDENTIFIER);
  const other = open(IDENTIFIER + 1);
  // Both await these sequences.
  ours.socket.admit([5, 6]);
  other.ask('10.9.0.2', [5]);
  await waitUntil(() => other.replies.length === 1, PATIENCE, "the other's reply");
  // What came before this one would be read before it.
  ours.socket.echo('10.9.0.2', 6);
  await waitUntil(() => ours.replies.length === 1, PATIENCE, 'our reply');
  expect(ours.replies.map(({ sequence }) => sequence)).toEqual([6]);
  expect(other.replies.map(({ sequence }) => sequence)).toEqual([5]);
  expect([ours.strays, other.strays]).toEqual([[], []]);
});

test('answers that nobody awaits, or no longer, never come up', async () => {
  const { socket, replies, strays } = open(IDENTIFIER);
  const witness = open(IDENTIFIER);
  for (const [awaited, sequence] of [
    [[], 1],
    [[2], 3],
    [[2, 4], 2],
    [[4], 2],
    [[4], 4],
  ] as const) {
    socket.admit(awaited);
    witness.ask('10.9.0.2', [sequence]);
    const count = witness.replies.length + 1;
    await waitUntil(() => witness.replies.length === count, PATIENCE, `the answer to ${sequence}`);
  }
  await waitUntil(() => replies.length > 1, PATIENCE, 'the last reply');
  expect(replies.map(({ sequence }) => sequence)).toEqual([2, 4]);
  expect(strays).toEqual([]);
});

test('255 answers are awaited at once, and no more', async () => {
  const { ask, socket, replies } = open(0xffff);
  const sequences = Array.from({ length: 255 }, (_, index) => 65535 - index);
  ask('10.9.0.2', sequences);
  await waitUntil(() => replies.length === 255, PATIENCE, 'all replies');
  expect(replies.map(({ sequence }) => sequence)).toEqual(sequences);
  expect(() => socket.admit([...sequences, 0])).toThrow(
    `ICMP socket on ${veth.near.name}: more than 255 answers`,
  );
});

test('other messages than echo replies never come up', async () => {
  const { ask, replies, strays, socket } = open(0);
  // The "port unreachable" below has zeros where a reply has its identifier and sequence.
  socket.admit([0]);
  const udp = createSocket('udp4');
  try {
    udp.connect(9, '10.9.0.2');
    await once(udp, 'connect');
    udp.send('to nobody');
    await expect(once(udp, 'message')).rejects.toThrow('ECONNREFUSED');
  } finally {
    udp.close();
  }
  ask('10.9.0.2', [1]);
  await waitUntil(() => replies.length === 1, PATIENCE, 'the reply');
  expect(strays).toEqual([]);
});

test('the interface decides, not the route', async () => {
  const second = makeVeth();
  const requests = (): number => {
    const [link] = JSON.parse(ip(`-j -s link show dev ${second.near.name}`)) as {
      stats64: { tx: { packets: number } };
    }[];
    return link!.stats64.tx.packets;
  };
  try {
    ip(`link set ${second.near.name} arp on`);
    ip(`addr add 10.9.1.1/24 dev ${second.near.name}`);
    ip(`link set ${second.far.name} netns ${host.pid}`);
    inHost(
      `link set ${second.far.name} arp on`,
      `link set ${second.far.name} up`,
      `addr add 10.9.1.2/24 dev ${second.far.name}`,
    );
    // By the routing table 10.9.0.2 is on the first cable; bound to the second, the request goes there.
    const before = requests();
    const pinger = open(IDENTIFIER, second.near.name);
    pinger.ask('10.9.0.2', [1]);
    await waitUntil(() => requests() > before, PATIENCE, 'something leaves by the second cable');
  } finally {
    second.remove();
  }
});

test('the answer goes to the source that was asked for', async () => {
  ip(`addr add 10.9.7.7/32 dev ${veth.near.name}`);
  // The other host knows the way to this address alone.
  inHost(
    `addr add 10.9.0.2/32 dev ${veth.far.name}`,
    `addr del 10.9.0.2/24 dev ${veth.far.name}`,
    `route add 10.9.7.7/32 dev ${veth.far.name}`,
  );
  const { ask, replies, errors } = open(IDENTIFIER);
  ask('10.9.0.2', [1]);
  ask('10.9.0.2', [2], '10.9.7.7');
  await waitUntil(() => replies.length > 0, PATIENCE, 'the reply');
  expect(replies.map(({ sequence }) => sequence)).toEqual([2]);
  expect(errors).toEqual([]);
});

test('an interface that is down is an error of that echo, and the socket works again when it is up', async () => {
  const { ask, replies, errors } = open(IDENTIFIER);
  ip(`link set ${veth.near.name} down`);
  ask('10.9.0.2', [1]);
  await waitUntil(() => errors.length === 1, PATIENCE, 'the error');
  expect(errors[0]).toMatch(new RegExp(`^ICMP socket on ${veth.near.name}: echo to 10\\.9\\.0\\.2: `));
  ip(`link set ${veth.near.name} up`);
  await waitUntil(
    () => {
      ask('10.9.0.2', [2]);
      return replies.length > 0;
    },
    PATIENCE,
    'a reply',
  );
  expect(replies[0]!.sequence).toBe(2);
});

test('what is no address is an error of that echo', async () => {
  const { ask, errors } = open(IDENTIFIER);
  ask('example', [1]);
  await waitUntil(() => errors.length === 1, PATIENCE, 'the error');
  expect(errors[0]).toContain('echo to example');
});

test('an unknown interface is refused with its name', () => {
  expect(() => open(IDENTIFIER, 'eth9')).toThrow('ICMP socket on eth9: No such device');
});

test('after close nothing is sent and nothing comes', async () => {
  const { ask, socket, replies, errors } = open(IDENTIFIER);
  ask('10.9.0.2', [1]);
  await waitUntil(() => replies.length === 1, PATIENCE, 'the reply');
  ask('10.9.0.2', [2]);
  socket.close();
  socket.close();
  ask('10.9.0.2', [3]);
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect([replies.length, errors.length]).toEqual([1, 0]);
});

test.each([-1, 65536, 1.5])('a sequence or identifier of %d is refused', (value) => {
  const { socket } = open(IDENTIFIER);
  expect(() => socket.echo('10.9.0.2', value)).toThrow(RangeError);
  expect(() => open(value)).toThrow(RangeError);
});
