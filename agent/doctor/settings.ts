import type { StatusReport } from '../control/protocol';
import { check, settingFinding } from './check';
import type { Facts, InterfaceFact } from './evidence';
import type { Finding, SettingChange, Severity } from './finding';

const STRICT = 1;
const LOOSE = 2;

type Settings = Facts['settings'];

/** The path below /proc/sys of an interface's setting, or of `all`. */
export function confPath(name: string, setting: string): string {
  return `net/ipv4/conf/${name}/${setting}`;
}

/** Settings of an interface that every check reads. */
export const CONF_SETTINGS = [
  'accept_local',
  'arp_announce',
  'arp_filter',
  'arp_ignore',
  'drop_gratuitous_arp',
  'forwarding',
  'ignore_routes_with_linkdown',
  'log_martians',
  'proxy_arp',
  'rp_filter',
] as const;
type ConfSetting = (typeof CONF_SETTINGS)[number];

function read(settings: Settings, name: string, setting: ConfSetting): number {
  return settings.get(confPath(name, setting)) ?? 0;
}

/** The larger of `all` and the interface's own is in force (Documentation/networking/ip-sysctl), for flags and levels alike. */
function effective(settings: Settings, name: string, setting: ConfSetting): number {
  return Math.max(read(settings, 'all', setting), read(settings, name, setting));
}

/** The value in force with where it comes from, such as `1 (all 1, eth0 0)`. */
function shown(settings: Settings, name: string, setting: ConfSetting): string {
  const [all, own] = [read(settings, 'all', setting), read(settings, name, setting)];
  return `${Math.max(all, own)} (all ${all}, ${name} ${own})`;
}

/** What brings a setting to 0 on a link; under `all` too where that is in force. */
function zeroed(settings: Settings, name: string, setting: ConfSetting): SettingChange[] {
  const places = ['all', name].filter((place) => read(settings, place, setting) !== 0);
  return places.map((place) => ({ path: confPath(place, setting), value: 0 }));
}

export const filteringCheck = check(
  'reverse path filtering',
  ['settings', 'interfaces'],
  ({ settings, interfaces, topology }) => {
    const links = linksOf(interfaces, topology.links);
    return [...links.flatMap((link) => filteringOf(settings, link)), ...loopbackFiltering(settings)];
  },
);

function filteringOf(settings: Settings, { name, addresses }: InterfaceFact): Finding[] {
  const value = effective(settings, name, 'rp_filter');
  const what = `rp_filter is ${shown(settings, name, 'rp_filter')}`;
  if (addresses.length > 0) {
    if (value !== STRICT) return [];
    const change = { path: confPath(name, 'rp_filter'), value: LOOSE };
    return [settingFinding('rp-filter-strict', { severity: 'error', subject: name, what }, [change], true)];
  }
  if (value === 0) return [];
  // What `all` says holds for every interface of the host, so that it is the operator's to change.
  const changes = zeroed(settings, name, 'rp_filter');
  const particulars = { severity: 'error', subject: name, what: `${what}, and it has no address` } as const;
  return [
    settingFinding('rp-filter-unaddressed', particulars, changes, read(settings, 'all', 'rp_filter') === 0),
  ];
}

function loopbackFiltering(settings: Settings): Finding[] {
  if (effective(settings, 'lo', 'rp_filter') !== STRICT) return [];
  const what = `rp_filter is ${shown(settings, 'lo', 'rp_filter')}`;
  const change = { path: confPath('lo', 'rp_filter'), value: LOOSE };
  return [settingFinding('rp-filter-lo', { severity: 'notice', subject: 'lo', what }, [change], true)];
}

export const answeringCheck = check(
  'ARP settings',
  ['settings', 'interfaces', 'status'],
  ({ settings, interfaces, topology, status }) =>
    linksOf(interfaces, topology.links).flatMap((link) => [
      ...answeringOf(settings, link.name, topology.arp.responder, status),
      ...announcingOf(settings, link.name),
      ...proxyingOf(settings, link.name),
    ]),
);

/** Values of `arp_ignore` with which the kernel answers nothing for an alias on `lo` (net/ipv4/arp.c, arp_ignore). */
const SILENT = [1, 2, 8];

function answeringOf(
  settings: Settings,
  link: string,
  configured: 'auto' | 'agent' | 'kernel',
  status: StatusReport | null,
): Finding[] {
  // On a drained link nobody is to answer.
  if (status?.links.some(({ name, drained }) => drained && name === link) === true) return [];
  // What the agent has silenced itself, and gives back when it ends, is none of the host's settings.
  const { acting, reason } = status?.responder ?? { acting: 'kernel', reason: '' };
  const agentAnswers = acting === 'agent';
  if (agentAnswers && reason !== 'arp-ignore' && reason !== 'arp-filter') return [];
  const severity: Severity = configured === 'kernel' || !agentAnswers ? 'error' : 'warning';
  const held = (id: 'arp-ignore' | 'arp-filter', setting: 'arp_ignore' | 'arp_filter') => {
    const what = `${setting} is ${shown(settings, link, setting)}`;
    return settingFinding(id, { severity, subject: link, what }, zeroed(settings, link, setting), false);
  };
  const silent = SILENT.includes(effective(settings, link, 'arp_ignore'));
  // Where the agent answers because of arp_filter, the value of arp_ignore is the agent's own doing.
  return [
    ...(silent && reason !== 'arp-filter' ? [held('arp-ignore', 'arp_ignore')] : []),
    ...(effective(settings, link, 'arp_filter') === 0 ? [] : [held('arp-filter', 'arp_filter')]),
  ];
}

function announcingOf(settings: Settings, link: string): Finding[] {
  const findings: Finding[] = [];
  const add = (
    id: 'arp-announce' | 'arp-gratuitous-dropped',
    setting: ConfSetting,
    severity: Severity,
    safe: boolean,
  ) => {
    if (effective(settings, link, setting) === 0) return;
    const what = `${setting} is ${shown(settings, link, setting)}`;
    const changes = zeroed(settings, link, setting);
    findings.push(settingFinding(id, { severity, subject: link, what }, changes, safe));
  };
  add('arp-announce', 'arp_announce', 'notice', false);
  const own = read(settings, 'all', 'drop_gratuitous_arp') === 0;
  add('arp-gratuitous-dropped', 'drop_gratuitous_arp', 'warning', own);
  return findings;
}

function proxyingOf(settings: Settings, link: string): Finding[] {
  // Without forwarding the kernel is nobody's proxy (net/ipv4/arp.c, arp_process).
  const proxying = effective(settings, link, 'proxy_arp') !== 0 && read(settings, link, 'forwarding') !== 0;
  if (!proxying) return [];
  const what = `proxy_arp is ${shown(settings, link, 'proxy_arp')}, and forwarding is on`;
  const changes = zeroed(settings, link, 'proxy_arp');
  return [settingFinding('proxy-arp', { severity: 'error', subject: link, what }, changes, false)];
}

export const carrierCheck = check(
  'routes without carrier',
  ['settings', 'interfaces'],
  ({ settings, interfaces, topology }) =>
    linksOf(interfaces, topology.links).flatMap(({ name }) => {
      // The kernel reads the interface's own value alone (include/linux/inetdevice.h, IN_DEV_IGNORE_ROUTES_WITH_LINKDOWN).
      if (read(settings, name, 'ignore_routes_with_linkdown') !== 0) return [];
      const change = { path: confPath(name, 'ignore_routes_with_linkdown'), value: 1 };
      const what = 'ignore_routes_with_linkdown is 0';
      const particulars = { severity: 'error', subject: name, what } as const;
      return [settingFinding('linkdown-routes-kept', particulars, [change], true)];
    }),
);

export const localSourceCheck = check(
  'packets with our own sender',
  ['settings', 'interfaces'],
  ({ settings, interfaces, topology }) =>
    linksOf(interfaces, topology.links).flatMap(({ name }) => {
      if (effective(settings, name, 'accept_local') === 0) return [];
      const what = `accept_local is ${shown(settings, name, 'accept_local')}`;
      const changes = zeroed(settings, name, 'accept_local');
      return [settingFinding('accept-local', { severity: 'warning', subject: name, what }, changes, false)];
    }),
);

export const martiansCheck = check(
  'logged martians',
  ['settings', 'interfaces', 'wire'],
  ({ settings, interfaces, topology, wire }) =>
    linksOf(interfaces, topology.links).flatMap(({ name }) => {
      const returned = wire.joined.some(({ heardOn }) => heardOn === name);
      if (!returned || effective(settings, name, 'log_martians') === 0) return [];
      const what = `log_martians is ${shown(settings, name, 'log_martians')}, and planes are joined`;
      const changes = zeroed(settings, name, 'log_martians');
      return [settingFinding('log-martians', { severity: 'notice', subject: name, what }, changes, false)];
    }),
);

/** The interfaces of our links that exist. */
export function linksOf(
  interfaces: readonly InterfaceFact[],
  links: readonly { readonly name: string }[],
): InterfaceFact[] {
  return links.flatMap(({ name }) => interfaces.find((one) => one.name === name) ?? []);
}
