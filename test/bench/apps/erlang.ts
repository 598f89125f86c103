import { dirname, join } from 'node:path';
import { type LabHost, ROOT } from '../../../deploy/lab/host';
import type { Lab } from '../../../deploy/lab/lab';
import { Daemon } from '../peers/daemon';
import { FAR, NEAR } from '../scene';
import { type Application, missing, type RunningApplication } from './application';
import { Dialogue, type Meaning } from './dialogue';

/** In s, much below the default of 60: a node that says nothing for 3 to 5 s is taken for dead. */
const TICK_TIME = 4;

const nodeOf = ({ name, alias }: LabHost): string => `${name}@${alias}`;

/** @returns the arguments of erl(1): the distribution on the alias alone, and a program on one core, that doesn't spin */
function argumentsOf(host: LabHost, directory: string): string[] {
  return [
    ...['+S', '1:1', '+sbwt', 'none', '-noshell', '-pa', directory],
    ...['-name', nodeOf(host), '-setcookie', 'lab'],
    ...['-kernel', 'inet_dist_use_interface', `{${host.alias.replaceAll('.', ',')}}`],
    ...['-kernel', 'net_ticktime', `${TICK_TIME}`],
  ];
}

/** The port mapper on the alias (and on 127.0.0.1, which it always takes), and no cookie file of the user's. */
function environmentOf(host: LabHost, directory: string): Record<string, string> {
  return { ERL_EPMD_ADDRESS: host.alias, HOME: directory };
}

function read(line: string): Meaning | undefined {
  const [word, rest = ''] = line.split(' ', 2);
  if (word === 'done') return { answered: true, took: Number(rest) / 1000 };
  if (word === 'lost') return { answered: true, loss: line };
  return word === 'nodedown' ? { answered: false, loss: line } : undefined;
}

async function start(lab: Lab): Promise<RunningApplication> {
  const [near, far] = [lab.host(NEAR), lab.host(FAR)];
  const directory = dirname(lab.configurationFile);
  await near.run('erlc', ['-o', directory, join(ROOT, 'test', 'bench', 'apps', 'exchange.erl')]);
  const losses: string[] = [];
  const server = new Daemon(far, 'erl', [...argumentsOf(far, directory), '-s', 'exchange', 'serve'], {
    env: environmentOf(far, directory),
    hear: (line) => {
      if (line.startsWith('nodedown')) losses.push(`${FAR}: ${line}`);
    },
  });
  await server.waitFor(/^serving$/m);
  const ask = ['-s', 'exchange', 'ask', nodeOf(far)];
  return Dialogue.start(near, 'erl', [...argumentsOf(near, directory), ...ask], {
    request: '\n',
    read,
    servers: [server],
    losses,
    env: environmentOf(near, directory),
  });
}

/** Distributed Erlang: two nodes, a gen_server call each 5 ms. */
export const ERLANG: Application = {
  name: 'erlang',
  title: `Erlang, two nodes: gen_server:call each 5 ms, net_ticktime ${TICK_TIME} s`,
  unavailable: () => missing('erl', 'erlang-base', '-version'),
  start,
};
