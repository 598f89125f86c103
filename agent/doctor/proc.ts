/** Reads what the kernel tells in files. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { endianness } from 'node:os';
import { join } from 'node:path';
import type { Topology } from '../core/topology';
import type { Ipv4 } from '../wire/address';
import { TCP_SETTINGS } from './alignment';
import type { Facts, SessionFact } from './evidence';
import { CONF_SETTINGS, confPath } from './settings';

/** A file's text; undefined where it is not there, or may not be read. */
export function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

/** The settings that the checks look at: of our links, of `lo`, of `all`, and TCP's. */
export function readSettings({ links }: Topology): Facts['settings'] {
  const names = ['all', 'lo', ...links.map(({ name }) => name)];
  const paths = names.flatMap((name) => CONF_SETTINGS.map((setting) => confPath(name, setting)));
  const found = new Map<string, number>();
  for (const path of [...paths, ...TCP_SETTINGS]) {
    const text = textOf(join('/proc/sys', path));
    if (text !== undefined) found.set(path, Number(text));
  }
  return found;
}

/** Established TCP connections over IPv4, those of IPv6 sockets among them, with the programs that have them open. */
export function readSessions(): SessionFact[] {
  const little = endianness() === 'LE';
  const tables = ['tcp', 'tcp6'].map((name) => textOf(`/proc/net/${name}`) ?? '');
  const sessions = tables.flatMap((table) => parseSessions(table, little));
  const owners = programsWith(new Set(sessions.map(({ inode }) => inode)));
  return sessions.map(({ inode, ...session }) => ({ ...session, program: owners.get(inode) }));
}

type OpenSession = Omit<SessionFact, 'program'> & { readonly inode: string };

/** The state of an established connection (include/net/tcp_states.h). */
const ESTABLISHED = '01';
const LOOPBACK_NETWORK = 127;

/** The lines of /proc/net/tcp or tcp6 that are of established connections between hosts (proc(5)). */
export function parseSessions(table: string, littleEndian: boolean): OpenSession[] {
  return table.split('\n').flatMap((line) => {
    const words = line.trim().split(/\s+/);
    const [local, remote] = [endIn(words[1], littleEndian), endIn(words[2], littleEndian)];
    if (words[3] !== ESTABLISHED || local === undefined || remote === undefined) return [];
    if (remote.address >>> 24 === LOOPBACK_NETWORK) return [];
    return [
      {
        ...{ local: local.address, localPort: local.port },
        ...{ remote: remote.address, remotePort: remote.port, inode: words[9] ?? '' },
      },
    ];
  });
}

/** `ADDRESS:PORT` in hexadecimal, the address as 32-bit words of the machine; of IPv6 only what is mapped from IPv4 (RFC 4291, 2.5.5.2). */
function endIn(text: string | undefined, littleEndian: boolean): { address: Ipv4; port: number } | undefined {
  const [, before = '', word, port] = /^([0-9A-F]{24})?([0-9A-F]{8}):([0-9A-F]{4})$/i.exec(text ?? '') ?? [];
  const mapped = littleEndian ? '0000000000000000FFFF0000' : '00000000000000000000FFFF';
  if (word === undefined || (before !== '' && before.toUpperCase() !== mapped)) return undefined;
  const bytes = Buffer.from(word, 'hex');
  const address = (littleEndian ? bytes.readUInt32LE() : bytes.readUInt32BE()) as Ipv4;
  return { address, port: Number.parseInt(port!, 16) };
}

/** The names of the programs that have sockets open, by the inodes of these. Without permission some are not seen. */
function programsWith(inodes: ReadonlySet<string>): Map<string, string> {
  const found = new Map<string, string>();
  if (inodes.size === 0) return found;
  for (const pid of namesIn('/proc').filter((name) => /^[0-9]+$/.test(name))) {
    for (const descriptor of namesIn(`/proc/${pid}/fd`)) {
      const inode = /^socket:\[([0-9]+)\]$/.exec(targetOf(`/proc/${pid}/fd/${descriptor}`))?.[1];
      if (inode === undefined || !inodes.has(inode)) continue;
      const name = textOf(`/proc/${pid}/comm`)?.trim();
      if (name !== undefined) found.set(inode, name);
    }
  }
  return found;
}

/** What a directory holds; nothing where it is not there, or may not be read. */
export function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function targetOf(link: string): string {
  try {
    return readlinkSync(link);
  } catch {
    return '';
  }
}
