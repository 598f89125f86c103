import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Lab } from '../../../deploy/lab/lab';
import { Daemon } from '../peers/daemon';
import { FAR, NEAR } from '../scene';
import { type Application, missing, type RunningApplication, withoutUsers } from './application';
import { Dialogue } from './dialogue';

const SSHD = '/usr/sbin/sshd';
/** A far end that answers nothing for 3 s is given up, by both ends; the defaults never give up, or take minutes. */
const ALIVE = { interval: 1, countMax: 3 } as const;
/** The line that is echoed. */
const LINE = 'a line of the session';

/** On the alias alone, for one key alone; as little of the machine's own configuration as possible. */
function configurationOf(alias: string, directory: string): string {
  return `ListenAddress ${alias}
HostKey ${join(directory, 'host_key')}
AuthorizedKeysFile ${join(directory, 'user_key.pub')}
PermitRootLogin prohibit-password
StrictModes no
UsePAM no
PidFile none
LogLevel ERROR
ClientAliveInterval ${ALIVE.interval}
ClientAliveCountMax ${ALIVE.countMax}
`;
}

/** @returns the arguments of ssh(1): nothing of the user's own configuration, known hosts and agent */
function argumentsOf(directory: string, alias: string): string[] {
  const options = [
    'BatchMode=yes',
    'IdentitiesOnly=yes',
    'IdentityAgent=none',
    'StrictHostKeyChecking=no',
    'UserKnownHostsFile=/dev/null',
    'LogLevel=ERROR',
    `ServerAliveInterval=${ALIVE.interval}`,
    `ServerAliveCountMax=${ALIVE.countMax}`,
  ];
  const key = join(directory, 'user_key');
  return [
    '-F',
    '/dev/null',
    '-T',
    '-i',
    key,
    ...options.flatMap((option) => ['-o', option]),
    `root@${alias}`,
  ];
}

async function start(lab: Lab): Promise<RunningApplication> {
  const [near, far] = [lab.host(NEAR), lab.host(FAR)];
  const directory = dirname(lab.configurationFile);
  for (const key of ['host_key', 'user_key']) {
    await far.run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(directory, key)], {
      input: 'y\n', // overwrites those of a session before
    });
  }
  const configuration = join(directory, 'sshd_config');
  await writeFile(configuration, configurationOf(far.alias, directory));
  await far.run('mkdir', ['-p', '/run/sshd']);
  await far.run(SSHD, ['-t', '-f', configuration]);
  const server = new Daemon(far, SSHD, ['-D', '-e', '-f', configuration]);
  await far.run('sh', ['-c', `until ss -Hltn src ${far.alias}:22 | grep -q .; do sleep 0.05; done`]);
  return Dialogue.start(near, 'ssh', [...argumentsOf(directory, far.alias), 'cat'], {
    request: `${LINE}\n`,
    read: (line) => (line === LINE ? { answered: true } : { answered: false, loss: line }),
    servers: [server],
  });
}

/** An ssh session in which a command echoes lines. */
export const SSH: Application = {
  name: 'ssh',
  title: `ssh: a line each 5 ms, echoed; ServerAliveInterval and ClientAliveInterval ${ALIVE.interval} s, at most ${ALIVE.countMax}`,
  unavailable: () => missing(SSHD, 'openssh-server', '-V') ?? withoutUsers(),
  start,
};
