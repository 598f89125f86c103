import { LabError } from './wait';

/** What a caller says about one host. */
export interface HostOptions {
  readonly name: string;
  /** whether it runs an agent; without one it is a far end, known by its link addresses; default true */
  readonly agent?: boolean;
  /** the planes it is on; default all */
  readonly planes?: readonly string[];
  /** what is reached through a far end, such as `192.0.2.0/24` */
  readonly prefixes?: readonly string[];
  /** a host behind a far end that ICMP echo must reach */
  readonly icmp?: string;
}

/** How the links are addressed: a subnet for each plane, one for all of them, or no addresses at all. */
export type Subnets = 'per-plane' | 'shared' | 'none';

/** One link of one host. */
export interface LinkPlan {
  readonly plane: string;
  /** interface name on the host: `eth0` on the first plane, `eth1` on the second, ... */
  readonly device: string;
  /** 02:00:00:00:PLANE:HOST, planes counted from 0, hosts from 1 */
  readonly mac: string;
  /** 10.77.PLANE.HOST; undefined without subnets */
  readonly address: string | undefined;
  /** with prefix length, as ip(8) takes it */
  readonly cidr: string | undefined;
}

export interface HostPlan {
  readonly name: string;
  /** from 1, in the order given: the last octet of its addresses */
  readonly number: number;
  readonly agent: boolean;
  /** 10.78.0.HOST */
  readonly alias: string;
  readonly links: readonly LinkPlan[];
  readonly prefixes: readonly string[];
  readonly icmp: string | undefined;
}

/** Hosts that fit in one octet of an address. */
const MAX_HOSTS = 254;
/** Planes that fit in one octet, and whose routes' metrics stay apart. */
const MAX_PLANES = 16;
/** A host's name is also the name of its port on each switch: IFNAMSIZ less the terminating zero. */
const HOST_NAME = /^[A-Za-z0-9][A-Za-z0-9-]{0,14}$/;

function planLink(plane: string, planes: readonly string[], number: number, subnets: Subnets): LinkPlan {
  const index = planes.indexOf(plane);
  if (index < 0) {
    throw new LabError(`no plane ${plane} among ${planes.join(', ')}`);
  }
  const octet = (value: number): string => value.toString(16).padStart(2, '0');
  const address = subnets === 'none' ? undefined : `10.77.${index}.${number}`;
  return {
    plane,
    device: `eth${index}`,
    mac: `02:00:00:00:${octet(index)}:${octet(number)}`,
    address,
    cidr: address && `${address}/${subnets === 'shared' ? 16 : 24}`,
  };
}

/**
 * Gives every host its addresses and interfaces.
 *
 * @throws LabError for a name, number or plane that a lab cannot have
 */
export function planHosts(
  hosts: readonly (string | HostOptions)[],
  planes: readonly string[],
  subnets: Subnets,
): readonly HostPlan[] {
  const options = hosts.map((host) => (typeof host === 'string' ? { name: host } : host));
  if (options.length > MAX_HOSTS || planes.length > MAX_PLANES || planes.length === 0) {
    throw new LabError(`a lab has at most ${MAX_HOSTS} hosts and 1 to ${MAX_PLANES} planes`);
  }
  const bad = options.find(({ name }) => !HOST_NAME.test(name));
  if (bad !== undefined) {
    throw new LabError(`${bad.name} is no host name of up to 15 letters, digits and hyphens`);
  }
  return options.map((host, index) => ({
    name: host.name,
    number: index + 1,
    agent: host.agent ?? true,
    alias: `10.78.0.${index + 1}`,
    links: (host.planes ?? planes).map((plane) => planLink(plane, planes, index + 1, subnets)),
    prefixes: host.prefixes ?? [],
    icmp: host.icmp,
  }));
}

type Mapping = { readonly [key: string]: unknown };

function isMapping(value: unknown): value is Mapping {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** @returns `over` laid over `base`: mappings are merged at every depth, anything else is replaced */
export function merge(base: Mapping, over: Mapping): Mapping {
  const entries = Object.entries(over).map(([key, value]) => {
    const former = base[key];
    return [key, isMapping(value) && isMapping(former) ? merge(former, value) : value] as const;
  });
  return { ...base, ...Object.fromEntries(entries) };
}

function hostEntry(host: HostPlan): Mapping {
  if (host.agent) {
    return { alias: host.alias, links: Object.fromEntries(host.links.map((l) => [l.plane, l.device])) };
  }
  return {
    agent: false,
    addresses: Object.fromEntries(host.links.map((link) => [link.plane, link.address])),
    ...(host.prefixes.length > 0 ? { prefixes: host.prefixes } : {}),
    ...(host.icmp === undefined ? {} : { icmp: host.icmp }),
  };
}

/** @returns the cluster file's content for a lab, with what the caller wants otherwise laid over it */
export function clusterConfiguration(
  hosts: readonly HostPlan[],
  planes: readonly string[],
  over: object,
): Mapping {
  const base = {
    cluster: 'lab',
    planes,
    hosts: Object.fromEntries(hosts.map((host) => [host.name, hostEntry(host)])),
  };
  return merge(base, { ...over });
}
