import { readdirSync } from 'node:fs';
import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { LabHost } from '../../../deploy/lab/host';
import type { Lab } from '../../../deploy/lab/lab';
import { SANDBOX_FILES } from '../../../deploy/lab/sandbox';
import { Daemon, type DaemonOptions } from '../peers/daemon';
import { FAR, NEAR } from '../scene';
import { type Application, missing, type RunningApplication, withoutUsers } from './application';
import { Dialogue, type Meaning } from './dialogue';

/** Debian's package makes it; the server refuses to run as root. */
const USER = 'postgres';
const VERSIONS = '/usr/lib/postgresql';
/** Of wal_sender_timeout and wal_receiver_timeout, whose default is a minute. */
const PATIENCE = '3s';

/** @returns the path of a program of the newest version, where there is one */
function programOf(name: string): string {
  const versions = readVersions();
  return join(VERSIONS, versions.at(-1) ?? 'none', 'bin', name);
}

function readVersions(): string[] {
  try {
    return readdirSync(VERSIONS).sort((one, other) => Number(one) - Number(other));
  } catch {
    return [];
  }
}

/** As the unprivileged user, and in an IPC namespace of its own, with which its shared memory goes. */
function asUser(name: string, args: readonly string[]): string[] {
  const user = ['--reuid', USER, '--regid', USER, '--clear-groups'];
  return ['--ipc', '--', 'setpriv', ...user, '--', programOf(name), ...args];
}

function run(host: LabHost, name: string, args: readonly string[]): Promise<unknown> {
  return host.run('unshare', asUser(name, args));
}

/** What both servers are told; `fsync` is off, since no disk is what is measured. */
function settingsOf(host: LabHost, directory: string): Record<string, string> {
  return {
    listen_addresses: host.alias,
    unix_socket_directories: directory,
    fsync: 'off',
    shared_buffers: '16MB',
    autovacuum: 'off',
    wal_sender_timeout: PATIENCE,
    wal_receiver_timeout: PATIENCE,
    wal_receiver_status_interval: '1s',
  };
}

function serve(
  host: LabHost,
  data: string,
  settings: Readonly<Record<string, string>>,
  options: DaemonOptions = {},
): Daemon {
  const values = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  return new Daemon(host, 'unshare', asUser('postgres', ['-D', data, ...values]), options);
}

/** Commits wait until the standby has applied them. */
async function startPrimary(host: LabHost, directory: string): Promise<Daemon> {
  const data = join(directory, 'primary');
  await run(host, 'initdb', ['-D', data, '-U', USER, '-A', 'trust', '--no-sync']);
  await appendFile(join(data, 'pg_hba.conf'), 'host replication all 10.78.0.0/24 trust\n');
  const server = serve(host, data, {
    ...settingsOf(host, directory),
    synchronous_standby_names: '*',
    synchronous_commit: 'remote_apply',
  });
  await server.waitFor(/ready to accept connections/);
  return server;
}

/** @param losses gets what the standby says of its walreceiver after the first start */
async function startStandby(
  host: LabHost,
  primary: LabHost,
  directory: string,
  losses: string[],
): Promise<Daemon> {
  const data = join(directory, 'standby');
  const copy = ['-h', primary.alias, '-U', USER, '-D', data, '--checkpoint=fast', '--no-sync'];
  await run(host, 'pg_basebackup', copy);
  await writeFile(join(data, 'standby.signal'), '');
  let started = false;
  const settings = { ...settingsOf(host, data), primary_conninfo: `host=${primary.alias} user=${USER}` };
  const server = serve(host, data, settings, {
    hear: (line) => {
      const streams = line.includes('started streaming WAL');
      if ((streams && started) || /walreceiver|WAL stream/.test(line)) losses.push(`${FAR}: ${line}`);
      started ||= streams;
    },
  });
  await server.waitFor(/started streaming WAL/);
  return server;
}

/** psql says what each statement took. */
function read(line: string): Meaning | undefined {
  const [, took] = /^Time: ([\d.]+) ms/.exec(line) ?? [];
  if (took !== undefined) return { answered: true, took: Number(took) };
  return /ERROR|WARNING|FATAL|connection/.test(line) ? { answered: false, loss: line } : undefined;
}

async function start(lab: Lab): Promise<RunningApplication> {
  const [near, far] = [lab.host(NEAR), lab.host(FAR)];
  const directory = await mkdtemp(join(SANDBOX_FILES, 'postgres-'));
  await near.run('chown', [USER, directory]);
  const losses: string[] = [];
  const primary = await startPrimary(near, directory);
  const standby = await startStandby(far, near, directory, losses);
  const local = ['-h', directory, '-U', USER, '-d', 'postgres', '-X', '-q', '-v', 'ON_ERROR_STOP=1'];
  await run(near, 'psql', [...local, '-c', 'CREATE TABLE beats (at timestamptz)']);
  const dialogue = await Dialogue.start(
    near,
    'unshare',
    asUser('psql', [...local, '-c', '\\timing on', '-f', '-']),
    {
      request: 'INSERT INTO beats VALUES (now());\n',
      read,
      servers: [standby, primary],
      losses,
    },
  );
  const stop = async (): Promise<void> => {
    await dialogue.stop();
    await rm(directory, { recursive: true, force: true });
  };
  return {
    stall: (from) => dialogue.stall(from),
    alive: (timeout) => dialogue.alive(timeout),
    losses: () => dialogue.losses(),
    stop,
  };
}

/** Streaming replication: each commit waits for the standby. */
export const POSTGRES: Application = {
  name: 'postgres',
  title: `PostgreSQL, streaming replication: a commit (remote_apply) each 5 ms, wal_receiver_timeout ${PATIENCE}`,
  unavailable: () => missing(programOf('postgres'), 'postgresql') ?? withoutUsers(),
  start,
};
