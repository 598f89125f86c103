import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { readRecord } from '../../agent/kernel/record';
import type { AgentOptions } from '../../deploy/lab/host';
import { type LabHost, ROOT } from '../../deploy/lab/host';
import type { Lab } from '../../deploy/lab/lab';

/**
 * Runs in the daemon before anything else: kills it before the change with the number CRASH_AFTER, counted from 0. Changes are every write and
 * renaming of a file, half of a write, and every message to the kernel that is no question; a batch is cut short.
 */
const FUSE = `
const fs = require('node:fs');
const { NetlinkSocket } = require(${JSON.stringify(join(ROOT, 'dist', 'native-bindings', 'netlink-socket.js'))});
let left = Number(process.env.CRASH_AFTER);
const burn = (last) => {
  if (left-- > 0) return;
  last?.();
  process.kill(process.pid, 'SIGKILL');
};
const { writeFileSync, renameSync } = fs;
fs.writeFileSync = (file, data, options) => {
  burn();
  if (String(file).endsWith('.new')) burn(() => writeFileSync(file, data.slice(0, data.length / 2), options));
  return writeFileSync(file, data, options);
};
fs.renameSync = (...names) => {
  burn();
  return renameSync(...names);
};
const { send } = NetlinkSocket.prototype;
NetlinkSocket.prototype.send = function (datagram) {
  const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.byteLength);
  for (let at = 0; at < datagram.length; ) {
    // The requests of a kind follow each other: new, delete, get (linux/rtnetlink.h).
    if (view.getUint16(at + 4, true) % 4 !== 2) burn(() => at > 0 && send.call(this, datagram.subarray(0, at)));
    at += (view.getUint32(at, true) + 3) & ~3;
  }
  return send.call(this, datagram);
};
`;

/** Options with which an agent is killed before its n-th change, counted from 0. */
export async function crashingAfter(lab: Lab, changes: number): Promise<AgentOptions> {
  const script = join(dirname(lab.configurationFile), 'fuse.js');
  if (!existsSync(script)) await writeFile(script, FUSE);
  return { wait: false, env: { NODE_OPTIONS: `--require ${script}`, CRASH_AFTER: `${changes}` } };
}

/** The directory of the control socket and of the record, as this process sees it. */
function runDirectory(host: LabHost): string {
  return `/proc/${host.pid}/root/run/multihomed`;
}

/** What is wrong with the files that daemons left: a record that can't be read, or anything beside record and socket. */
export function findLitter(host: LabHost): string[] {
  const directory = runDirectory(host);
  const files = existsSync(directory) ? readdirSync(directory) : [];
  const litter = files.filter((file) => file !== 'control.sock' && file !== 'state.json');
  const record = join(directory, 'state.json');
  if (files.includes('state.json') && readRecord(record) === undefined)
    litter.push(`no record: ${readFileSync(record, 'utf8')}`);
  return litter;
}

/** Whether a record lies there, and whether it is whole. */
export function recordState(host: LabHost): 'none' | 'whole' | 'damaged' {
  const file = join(runDirectory(host), 'state.json');
  if (!existsSync(file)) return 'none';
  return readRecord(file) === undefined ? 'damaged' : 'whole';
}
