import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { packageRoot } from '../../native-bindings/package-root';
import { ARP, BROADCAST, frameOf, makeVeth, type Veth } from './native-network';

const BUILT = join(packageRoot(__dirname), 'dist', 'native-bindings');

let veth: Veth;

beforeEach(() => {
  veth = makeVeth();
});

afterEach(() => {
  veth.remove();
});

/** Opens what throws, and makes it happen. `near` and `far` are the names of the interfaces. */
const CASES: Readonly<Record<string, (near: Veth['near'], far: Veth['far']) => string>> = {
  'readable of a packet socket': (near, far) => `
    const { PacketSocket } = require('${BUILT}/packet-socket.js');
    const open = (name, ifindex, readable) =>
      PacketSocket.open({ interface: name, ifindex, etherTypes: [${ARP}] }, { readable, error() {} });
    open('${near.name}', ${near.ifindex}, () => { throw new Error('thrown in a handler'); });
    open('${far.name}', ${far.ifindex}, () => {}).send([Buffer.from('${hex(frameOf(BROADCAST, ARP))}', 'hex')]);`,
  'error of a packet socket': (near) => `
    const { PacketSocket } = require('${BUILT}/packet-socket.js');
    PacketSocket.open({ interface: '${near.name}', ifindex: ${near.ifindex}, etherTypes: [${ARP}] },
      { readable() {}, error(error) { throw new Error('thrown in a handler', { cause: error }); } });
    require('node:child_process').execFileSync('ip', ['link', 'set', '${near.name}', 'down']);`,
  'readable of a netlink socket': (near) => `
    const { NetlinkSocket } = require('${BUILT}/netlink-socket.js');
    NetlinkSocket.open({ groups: [1] }, { readable() { throw new Error('thrown in a handler'); }, error() {} });
    require('node:child_process').execFileSync('ip', ['link', 'set', '${near.name}', 'down']);`,
  'error of a netlink socket': (near) => `
    const { NetlinkSocket } = require('${BUILT}/netlink-socket.js');
    NetlinkSocket.open({ groups: [7], receiveBuffer: 4096 },
      { readable() {}, error() { throw new Error('thrown in a handler'); } });
    const batch = Array.from({ length: 100 }, (_, n) => 'route add 10.0.0.' + n + '/32 dev ${near.name}\\n').join('');
    require('node:child_process').execFileSync('ip', ['-batch', '-'], { input: batch });`,
  'a timer': () => `
    const { Timer } = require('${BUILT}/timer.js');
    new Timer(() => { throw new Error('thrown in a handler'); }, () => {}).set(1);`,
  'reply of an ICMP socket': () => `
    require('node:child_process').execFileSync('ip', ['link', 'set', 'lo', 'up']);
    const { IcmpSocket } = require('${BUILT}/icmp-socket.js');
    const socket = IcmpSocket.open({ interface: 'lo', identifier: 7 },
      { reply() { throw new Error('thrown in a handler'); }, stray() {}, error() {} });
    socket.echo('127.0.0.1', 1);
    socket.admit([1]);`,
};

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** Runs a program to its end, which comes by the exception, or else by the lifeline with status 3. */
function run(program: string): { status: number | null; signal: string | null; stderr: string } {
  const lifeline = 'setTimeout(() => process.exit(3), 10_000);';
  return spawnSync(process.execPath, ['-e', `${lifeline}${program}`], { encoding: 'utf8' });
}

describe.each(Object.entries(CASES))('an exception in %s', (_, program) => {
  test('ends the process as any uncaught exception does', () => {
    const { status, signal, stderr } = run(program(veth.near, veth.far));
    expect([status, signal]).toEqual([1, null]);
    expect(stderr).toContain('Error: thrown in a handler');
  });

  test('reaches the one handler for uncaught exceptions', () => {
    const handler = `process.on('uncaughtException', (error) => {
      process.stderr.write('fatal: ' + error.message);
      process.exit(70);
    });`;
    const { status, signal, stderr } = run(handler + program(veth.near, veth.far));
    expect([status, signal, stderr]).toEqual([70, null, 'fatal: thrown in a handler']);
  });
});

test('a worker thread that ends with open sockets takes nothing down', () => {
  const { near, far } = veth;
  const program = `
    const { Worker } = require('node:worker_threads');
    const body = \`
      const { PacketSocket } = require('${BUILT}/packet-socket.js');
      const { NetlinkSocket } = require('${BUILT}/netlink-socket.js');
      const handlers = { readable() {}, error() {} };
      PacketSocket.open({ interface: '${near.name}', ifindex: ${near.ifindex}, etherTypes: [${ARP}] }, handlers);
      PacketSocket.open({ interface: '${far.name}', ifindex: ${far.ifindex}, etherTypes: [${ARP}] }, handlers).close();
      PacketSocket.open({ interface: '${far.name}', ifindex: ${far.ifindex}, etherTypes: [${ARP}], ring: 32 }, { error() {} });
      NetlinkSocket.open({ groups: [1] }, handlers);
      NetlinkSocket.open({ groups: [] });
      require('node:worker_threads').parentPort.postMessage('open');\`;
    const worker = new Worker(body, { eval: true });
    worker.on('message', () => worker.terminate().then(() => process.exit(42)));`;
  const { status, signal, stderr } = run(program);
  expect([status, signal, stderr]).toEqual([42, null, '']);
});
