import {
  checkBeacon,
  checkCongestionControl,
  checkHosts,
  checkPlanes,
  checkProbe,
  checkRoute,
  checkTold,
} from './checks';
import { SourceDocument } from './document';
import { Fault, show } from './fault';
import { ConfigurationError, type Problem } from './problem';
import * as schema from './schema';
import { Reader } from './sections';
import { nameFault } from './values';

/** What a file yields: the configuration, and what is accepted in it without effect. */
export interface Parsed {
  readonly configuration: schema.Configuration;
  readonly warnings: readonly Problem[];
}

type Values = Readonly<Record<string, unknown>>;

const OPTIONS = ['probe', 'arp', 'route', 'beacon', 'control', 'metrics', 'heartbeat'];
const SECTIONS = ['cluster', 'planes', 'hosts', ...OPTIONS];
const AGENT_ONLY = ['alias', 'links', 'priority'];
const FAR_END_ONLY = ['addresses', 'prefixes', 'icmp'];

/**
 * The configuration in `text`; `file` is the name that messages give it, `hasCongestionControl` asks the kernel that is to carry it out.
 * @throws {ConfigurationError} with every problem that was found
 */
export function parseConfiguration(
  text: string,
  file: string,
  hasCongestionControl: (name: string) => boolean = () => true,
): Parsed {
  const source = new SourceDocument(text, file);
  const problems = [...source.problems];
  const warnings: Problem[] = [];
  const reader = new Reader(source, problems, warnings);
  const configuration = problems.length === 0 ? readRoot(reader, source.value, file) : undefined;
  if (configuration !== undefined) checkCongestionControl(reader, configuration.route, hasCongestionControl);
  if (configuration !== undefined && problems.length === 0) return { configuration, warnings };
  throw new ConfigurationError(problems.sort((a, b) => a.line - b.line || a.column - b.column));
}

/** Reads all sections, so that the errors of all are found; undefined where a section that others build on is wrong. */
function readRoot(reader: Reader, value: unknown, file: string): schema.Configuration | undefined {
  if (!isMap(value)) {
    const what = value === null ? 'the file is empty' : `the file holds ${show(value)}, not a map`;
    reader.refuse([], new Fault(what, 'write cluster, planes and hosts, as the documentation shows'));
    return undefined;
  }
  reader.unknownKeys(Object.keys(value), [], SECTIONS);
  const cluster = reader.section(schema.cluster, value.cluster, ['cluster'], []);
  const planes = reader.section(schema.planes, value.planes, ['planes'], []);
  const hosts = readHosts(reader, value.hosts);
  const probe = readOptions(reader, value, 'probe', schema.probe, schema.probe.shape);
  const arp = readOptions(reader, value, 'arp', schema.arp, schema.arp.shape);
  const route = readOptions(reader, value, 'route', schema.route, schema.route.def.in.shape);
  const control = readOptions(reader, value, 'control', schema.control, schema.control.shape);
  const beacon = readOptions(reader, value, 'beacon', schema.beacon, schema.beacon.def.in.shape);
  const heartbeat = reader.section(schema.heartbeat, value.heartbeat ?? {}, ['heartbeat'], []);
  readMetrics(reader, value);
  if (probe !== undefined) checkProbe(reader, probe);
  if (planes !== undefined) checkPlanes(reader, planes);
  checkHosts(reader, hosts, planes);
  if (beacon !== undefined) {
    checkBeacon(reader, beacon, probe);
    checkTold(reader, hosts, beacon.enabled);
  }
  if (planes !== undefined && route !== undefined) checkRoute(reader, route, planes.length);
  if (!(cluster && planes && probe && arp && route && beacon && control && heartbeat)) return undefined;
  const heartbeats = new Map(Object.entries(heartbeat));
  return { file, cluster, planes, hosts, probe, arp, route, beacon, control, heartbeats };
}

/** A section of options that all have defaults, so that it may be absent, or stand without a value. */
function readOptions<S extends Parameters<Reader['section']>[0]>(
  reader: Reader,
  root: Values,
  key: string,
  options: S,
  shape: object,
) {
  return reader.section<S>(options, root[key] ?? {}, [key], Object.keys(shape));
}

function readMetrics(reader: Reader, root: Values): void {
  if (root.metrics === undefined) return;
  reader.section(schema.metrics, root.metrics, ['metrics'], Object.keys(schema.metrics.shape));
  reader.warn(
    ['metrics'],
    new Fault('metrics are not in this version, so this is ignored', 'remove the section to silence this'),
  );
}

function readHosts(reader: Reader, value: unknown): Map<string, schema.HostEntry> {
  const hosts = new Map<string, schema.HostEntry>();
  const mend = 'write a map with one entry for each host';
  if (value === undefined) reader.refuse(['hosts'], new Fault('is missing', mend), 'key');
  else if (!isMap(value))
    reader.refuse(
      ['hosts'],
      new Fault(value === null ? 'has no value' : `${show(value)} is not a map`, mend),
    );
  else if (Object.keys(value).length === 0) reader.refuse(['hosts'], new Fault('names no host', mend));
  else
    for (const [name, entry] of Object.entries(value)) {
      const fault = nameFault(name, schema.LONGEST_NAME);
      if (fault !== undefined) reader.refuse(['hosts', name], fault, 'key');
      const host = readHost(reader, name, entry);
      if (host !== undefined) hosts.set(name, host);
    }
  return hosts;
}

function readHost(reader: Reader, name: string, value: unknown): schema.HostEntry | undefined {
  const path = ['hosts', name];
  if (!isMap(value)) {
    const mend = 'write { alias: ADDRESS, links: { PLANE: INTERFACE } }';
    reader.refuse(path, new Fault(value === null ? 'has no value' : `${show(value)} is not a map`, mend));
    return undefined;
  }
  if (value.agent !== false) {
    const own = withoutForeign(
      reader,
      value,
      path,
      FAR_END_ONLY,
      'is for far ends',
      'remove it, or add agent: false',
    );
    const read = reader.section(schema.agentHost, own, path, Object.keys(schema.agentHost.shape));
    return (
      read && {
        kind: 'agent',
        aliases: read.alias,
        links: new Map(Object.entries(read.links)),
        priority: new Map(Object.entries(read.priority)),
        macs: new Map(Object.entries(read.mac)),
      }
    );
  }
  const own = withoutForeign(
    reader,
    value,
    path,
    AGENT_ONLY,
    'is for hosts with an agent',
    'remove it, or remove agent: false',
  );
  const read = reader.section(schema.farEnd, own, path, Object.keys(schema.farEnd.shape));
  return (
    read && {
      kind: 'far-end',
      addresses: new Map(Object.entries(read.addresses)),
      prefixes: read.prefixes,
      icmp: read.icmp,
      macs: new Map(Object.entries(read.mac)),
    }
  );
}

/** The entry without the keys that only the other kind of host has; each of them is an error that says so. */
function withoutForeign(
  reader: Reader,
  value: Values,
  path: readonly string[],
  foreign: readonly string[],
  said: string,
  mend: string,
) {
  const own: Record<string, unknown> = {};
  for (const [key, held] of Object.entries(value)) {
    if (foreign.includes(key)) reader.refuse([...path, key], new Fault(said, mend), 'key');
    else own[key] = held;
  }
  return own;
}

function isMap(value: unknown): value is Values {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
