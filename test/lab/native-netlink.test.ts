import { execFileSync } from 'node:child_process';
import { NetlinkSocket } from '../../native-bindings/netlink-socket';
import { SystemError } from '../../native-bindings/system-error';
import { ip, makeVeth, PATIENCE, type Veth, waitUntil } from './native-network';

// linux/netlink.h, linux/rtnetlink.h
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const RTM_NEWLINK = 16;
const RTM_GETLINK = 18;
const RTM_GETROUTE = 26;
const RTM_NEWROUTE = 24;
const NLM_F_REQUEST = 1;
const NLM_F_ACK = 4;
const NLM_F_DUMP = 0x300;
const NLM_F_ACK_TLVS = 0x200;
const NLM_F_CAPPED = 0x100;
const RTNLGRP_LINK = 1;
const RTNLGRP_IPV4_ROUTE = 7;
const AF_INET = 2;
const EINVAL = 22;

let veth: Veth;
const open: NetlinkSocket[] = [];

beforeEach(() => {
  veth = makeVeth();
});

afterEach(() => {
  for (const socket of open.splice(0)) socket.close();
  veth.remove();
});

function opened(...options: Parameters<typeof NetlinkSocket.open>): NetlinkSocket {
  const socket = NetlinkSocket.open(...options);
  open.push(socket);
  return socket;
}

/** A message with the header of all netlink messages (struct nlmsghdr). */
function message(type: number, flags: number, sequence: number, body: Uint8Array): Uint8Array {
  const bytes = Buffer.alloc(16 + body.length);
  bytes.writeUInt32LE(bytes.length, 0);
  bytes.writeUInt16LE(type, 4);
  bytes.writeUInt16LE(flags, 6);
  bytes.writeUInt32LE(sequence, 8);
  bytes.set(body, 16);
  return bytes;
}

/** struct ifinfomsg */
const anyLink = new Uint8Array(16);

/** struct rtmsg: a request that names no destination, device or table, which the kernel refuses */
const emptyRoute = Uint8Array.of(AF_INET, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);

interface Message {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly port: number;
  readonly body: Buffer;
}

function messagesIn(datagram: Uint8Array): Message[] {
  const bytes = Buffer.from(datagram);
  const messages: Message[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readUInt32LE(at);
    messages.push({
      type: bytes.readUInt16LE(at + 4),
      flags: bytes.readUInt16LE(at + 6),
      sequence: bytes.readUInt32LE(at + 8),
      port: bytes.readUInt32LE(at + 12),
      body: bytes.subarray(at + 16, at + length),
    });
    at += (length + 3) & ~3;
  }
  return messages;
}

/** All that waits. */
function drain(socket: NetlinkSocket): Message[] {
  const messages: Message[] = [];
  for (let datagram = socket.receive(); datagram !== undefined; datagram = socket.receive()) {
    messages.push(...messagesIn(datagram));
  }
  return messages;
}

/** The ifindex in each link message (struct ifinfomsg). */
const indexes = (messages: readonly Message[]): number[] =>
  messages.filter(({ type }) => type === RTM_NEWLINK).map(({ body }) => body.readInt32LE(4));

/** Additions, then removals, of so many routes by one process of ip(8). */
function churnRoutes(count: number): void {
  const lines = (verb: string): string =>
    Array.from(
      { length: count },
      (_, n) => `route ${verb} 10.${n >> 8}.${n & 255}.1/32 dev ${veth.near.name}`,
    ).join('\n');
  execFileSync('ip', ['-batch', '-'], { input: `${lines('add')}\n${lines('del')}\n` });
}

describe('a socket without handlers', () => {
  test('has the answer to a dump when send returns', () => {
    const socket = opened({ groups: [] });
    socket.send(message(RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, 7, anyLink));
    const messages = drain(socket);
    expect(indexes(messages)).toEqual(expect.arrayContaining([veth.near.ifindex, veth.far.ifindex]));
    expect(messages.at(-1)!.type).toBe(NLMSG_DONE);
    expect(messages.every(({ sequence, port }) => sequence === 7 && port === socket.port)).toBe(true);
    expect(socket.receive()).toBeUndefined();
  });

  test('has the kernel refusal when send returns, with the kernel words', () => {
    const socket = opened({ groups: [] });
    socket.send(message(RTM_NEWROUTE, NLM_F_REQUEST | NLM_F_ACK, 8, emptyRoute));
    const [answer, ...rest] = drain(socket);
    expect(rest).toEqual([]);
    expect(answer).toMatchObject({ type: NLMSG_ERROR, sequence: 8 });
    expect(answer!.body.readInt32LE(0)).toBeLessThan(0);
    // NETLINK_CAP_ACK: the request is not repeated. NETLINK_EXT_ACK: attributes say what was wrong.
    expect(answer!.flags & NLM_F_CAPPED).toBe(NLM_F_CAPPED);
    expect(answer!.flags & NLM_F_ACK_TLVS).toBe(NLM_F_ACK_TLVS);
  });

  test('has all acknowledgements of a datagram with several requests', () => {
    const socket = opened({ groups: [] });
    const requests = Array.from({ length: 20 }, (_, sequence) =>
      message(RTM_NEWROUTE, NLM_F_REQUEST | NLM_F_ACK, sequence, emptyRoute),
    );
    socket.send(Buffer.concat(requests));
    const answers = drain(socket);
    expect(answers.map(({ type }) => type)).toEqual(new Array(20).fill(NLMSG_ERROR));
    expect(answers.map(({ sequence }) => sequence)).toEqual(
      Array.from({ length: 20 }, (_, sequence) => sequence),
    );
  });

  test('is refused a dump with a header that the kernel would have to guess at', () => {
    const socket = opened({ groups: [] });
    // NETLINK_GET_STRICT_CHK: struct rtgenmsg is shorter than the struct rtmsg that a dump of routes asks for.
    socket.send(message(RTM_GETROUTE, NLM_F_REQUEST | NLM_F_DUMP, 9, Uint8Array.of(AF_INET, 0, 0, 0)));
    const errors = drain(socket).map(({ type, body }) => [type, body.readInt32LE(0)]);
    expect(errors).toEqual([[NLMSG_DONE, -EINVAL]]);
  });

  test('tells of an overrun once, and works on', () => {
    const socket = opened({ groups: [RTNLGRP_IPV4_ROUTE], receiveBuffer: 4096 });
    churnRoutes(500);
    expect(() => socket.receive()).toThrow(
      expect.objectContaining({
        name: 'SystemError',
        code: 'ENOBUFS',
        errno: 105,
        syscall: 'netlink recvfrom',
      }),
    );
    // What came before the loss is still there, and nothing more is said of the loss.
    expect(drain(socket).length).toBeGreaterThan(0);
    ip(`route add 10.255.0.1/32 dev ${veth.near.name}`);
    expect(drain(socket)).toHaveLength(1);
    socket.send(message(RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, 1, anyLink));
    expect(indexes(drain(socket))).toContain(veth.near.ifindex);
  });

  test('does not hear another process that writes to its port', () => {
    const socket = opened({ groups: [] });
    const forged = Buffer.from(message(NLMSG_ERROR, 0, 1, new Uint8Array(20))).toString('hex');
    const script = `
import socket
s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
s.bind((0, 0))
s.sendto(bytes.fromhex('${forged}'), (${socket.port}, 0))`;
    execFileSync('python3', ['-c', script]);
    expect(socket.receive()).toBeUndefined();
    execFileSync('python3', ['-c', script]);
    socket.send(message(RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, 7, anyLink));
    const messages = drain(socket);
    expect(indexes(messages)).toContain(veth.near.ifindex);
    expect(messages.map(({ type }) => type)).not.toContain(NLMSG_ERROR);
  });
});

describe('a socket with handlers', () => {
  test('is told of what changes', async () => {
    const seen: number[] = [];
    const socket: NetlinkSocket = opened(
      { groups: [RTNLGRP_LINK] },
      {
        readable: () => seen.push(...indexes(drain(socket))),
        error: (error) => {
          throw error;
        },
      },
    );
    ip(`link set ${veth.near.name} down`);
    await waitUntil(() => seen.includes(veth.near.ifindex), PATIENCE, 'the notification');
  });

  test('is told of an overrun once, and works on', async () => {
    const errors: unknown[] = [];
    const messages: Message[] = [];
    const socket: NetlinkSocket = opened(
      { groups: [RTNLGRP_IPV4_ROUTE], receiveBuffer: 4096 },
      { readable: () => messages.push(...drain(socket)), error: (error) => errors.push(error) },
    );
    churnRoutes(500);
    await waitUntil(() => messages.length > 0, PATIENCE, 'what came before the loss');
    expect(errors).toEqual([expect.objectContaining({ code: 'ENOBUFS', syscall: 'netlink poll' })]);
    expect(errors[0]).toBeInstanceOf(SystemError);
    const before = messages.length;
    ip(`route add 10.255.0.1/32 dev ${veth.near.name}`);
    await waitUntil(() => messages.length > before, PATIENCE, 'the next notification');
    expect(errors).toHaveLength(1);
  });

  test('hears nothing after it was closed', async () => {
    let calls = 0;
    const socket = opened({ groups: [RTNLGRP_LINK] }, { readable: () => calls++, error: () => calls++ });
    ip(`link set ${veth.near.name} down`);
    socket.close();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(calls).toBe(0);
  });
});

test.each([
  ['without handlers', undefined],
  ['with handlers', { readable: () => undefined, error: () => undefined }],
])('a socket %s that is closed says EBADF', (_, handlers) => {
  const socket = opened({ groups: [] }, handlers);
  expect(socket.port).toBeGreaterThan(0);
  socket.close();
  socket.close();
  const closed = expect.objectContaining({ name: 'SystemError', code: 'EBADF' });
  expect(() => socket.send(message(RTM_GETLINK, NLM_F_REQUEST, 1, anyLink))).toThrow(closed);
  expect(() => socket.receive()).toThrow(closed);
});

test('an unknown group is refused by name of the option', () => {
  expect(() => NetlinkSocket.open({ groups: [5000] })).toThrow(
    expect.objectContaining({ code: 'EINVAL', syscall: 'setsockopt NETLINK_ADD_MEMBERSHIP' }),
  );
});
