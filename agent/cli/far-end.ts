import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Configuration } from '../config/schema';
import { EXIT, type ExitStatus } from '../exit-status';
import { formatIpv4, parseIpv4 } from '../wire/address';
import { CommandError, type Context, printJson, type Run } from './context';
import { type FarEndRoute, FORMATS, type Format, formatRoutes } from './far-end-formats';
import { configurationLoader } from './lazy';

/** Where the configuration lies where nobody says otherwise, as in the service unit. */
export const CONFIGURATION = '/etc/multihomed.yaml';

export interface FarEndOptions {
  readonly config: string;
  readonly format: Format;
  readonly host?: string;
  /** the far end's interface by plane */
  readonly interface: ReadonlyMap<string, string>;
  /** a host's own address on a plane, by `HOST:PLANE` */
  readonly via: ReadonlyMap<string, string>;
}

export function addFarEnd(program: Command, run: Run): void {
  const format = new Option('--format <format>', 'whose configuration language')
    .choices(FORMATS)
    .makeOptionMandatory();
  program
    .command('far-end')
    .description('prints the static routes that a far end without an agent needs toward our aliases')
    .argument('<name>', 'the far end, as the configuration names it')
    .addOption(format)
    .option('--config <file>', 'the configuration file', CONFIGURATION)
    .option('--host <name>', 'routes toward this host alone')
    .option('--interface <plane=name>', "the far end's interface on a plane; repeatable", pair, new Map())
    .option('--via <host:plane=address>', "a host's own address on a plane; repeatable", viaPair, new Map())
    .action((name: string, options: FarEndOptions) => run((context) => farEnd(context, name, options)));
}

/** Needs no daemon. Exit status 65 where the configuration has no such far end. */
export async function farEnd(context: Context, name: string, options: FarEndOptions): Promise<ExitStatus> {
  const { configuration } = configurationLoader().loadConfiguration(options.config);
  checkNames(configuration, options);
  const routes = routesOf(configuration, name, options);
  const lines = formatRoutes(options.format, name, routes);
  if (context.json) printJson(context, { farEnd: name, format: options.format, routes, lines });
  else for (const line of lines) context.out(line);
  return EXIT.ok;
}

/** A route to each alias by each plane that the far end shares with its host, in order of preference. */
function routesOf(configuration: Configuration, name: string, options: FarEndOptions): FarEndRoute[] {
  const { planes, hosts, route } = configuration;
  const entry = hosts.get(name);
  if (entry?.kind !== 'far-end') throw unknownFarEnd(configuration, name);
  const routes: FarEndRoute[] = [];
  for (const [host, target] of hosts) {
    if (target.kind !== 'agent' || (options.host !== undefined && options.host !== host)) continue;
    for (const alias of target.aliases)
      planes.forEach((plane, index) => {
        if (!entry.addresses.has(plane) || !target.links.has(plane)) return;
        routes.push({
          host,
          destination: formatIpv4(alias),
          plane,
          rank: index,
          metric: route.metric + 10 * index,
          interface: options.interface.get(plane) ?? null,
          via: options.via.get(`${host}:${plane}`) ?? null,
        });
      });
  }
  return routes;
}

function checkNames({ planes, hosts }: Configuration, options: FarEndOptions): void {
  const agents = [...hosts].flatMap(([name, { kind }]) => (kind === 'agent' ? [name] : []));
  const wrong = (option: string, what: string, known: readonly string[]) =>
    new CommandError(EXIT.usage, `${option}: there is no ${what}; known: ${known.join(', ')}`);
  if (options.host !== undefined && !agents.includes(options.host))
    throw wrong('--host', `host ${options.host} with an agent`, agents);
  for (const plane of options.interface.keys())
    if (!planes.includes(plane)) throw wrong('--interface', `plane ${plane}`, planes);
  for (const key of options.via.keys()) {
    const [host = '', plane = ''] = key.split(':');
    if (!agents.includes(host)) throw wrong('--via', `host ${host} with an agent`, agents);
    if (!planes.includes(plane)) throw wrong('--via', `plane ${plane}`, planes);
  }
}

function unknownFarEnd({ file, hosts }: Configuration, name: string): CommandError {
  const known = [...hosts].flatMap(([one, { kind }]) => (kind === 'far-end' ? [one] : []));
  const said = hosts.has(name)
    ? `${name} runs an agent, which sets its own routes`
    : `${file} names no far end ${name}`;
  const mend = known.length === 0 ? 'it has none (agent: false)' : `its far ends: ${known.join(', ')}`;
  return new CommandError(EXIT.data, `${said}; ${mend}`);
}

function pair(text: string, before: ReadonlyMap<string, string>): Map<string, string> {
  const [key = '', value = '', ...rest] = text.split('=');
  if (key === '' || !/^[\w./:-]+$/.test(value) || rest.length > 0)
    throw new InvalidArgumentError('Write PLANE=INTERFACE, such as a=eth0.');
  return new Map(before).set(key, value);
}

function viaPair(text: string, before: ReadonlyMap<string, string>): Map<string, string> {
  const match = /^([^:=]+:[^:=]+)=(.+)$/.exec(text);
  if (match === null || parseIpv4(match[2]!) === undefined)
    throw new InvalidArgumentError('Write HOST:PLANE=ADDRESS, such as alpha:a=10.77.0.1.');
  return new Map(before).set(match[1]!, match[2]!);
}
