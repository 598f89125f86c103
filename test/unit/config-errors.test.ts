import { parseConfiguration } from '../../agent/config/load';
import { ConfigurationError, formatProblem } from '../../agent/config/problem';

const FILE = 'c.yaml';

/** The lines that a text is refused with. */
function refusal(text: string): readonly string[] {
  try {
    parseConfiguration(text, FILE);
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems.map(formatProblem);
    throw error;
  }
  return [];
}

const HEAD = 'cluster: demo\nplanes: [a, b]\n';
const ALPHA = 'hosts:\n  alpha: { alias: 10.78.0.1, links: { a: eth0, b: eth1 } }\n';
const BASE = HEAD + ALPHA;
const gate = (rest: string) => `${BASE}  gate: { agent: false, addresses: { a: 10.77.0.254 }${rest} }\n`;
const alpha = (rest: string) => `${HEAD}hosts:\n  alpha: ${rest}\n`;

const aliases = (count: number) =>
  Array.from({ length: count }, (_, index) => `10.78.0.${index + 1}`).join(', ');

/** What is written, and all that is said about it: position, what is wrong, the mend. */
const CASES: readonly (readonly [name: string, text: string, ...said: string[]])[] = [
  // The file as a whole
  [
    'an empty file',
    '',
    'c.yaml:1:1: the file is empty; write cluster, planes and hosts, as the documentation shows',
  ],
  [
    'a list',
    '- a\n',
    'c.yaml:1:1: the file holds a list, not a map; write cluster, planes and hosts, as the documentation shows',
  ],
  [
    'nothing that is required',
    'probe: {}\n',
    'c.yaml:1:1: cluster: is missing; write the name of the cluster, such as cluster: demo',
    'c.yaml:1:1: planes: is missing; write a list, such as [a, b]',
    'c.yaml:1:1: hosts: is missing; write a map with one entry for each host',
  ],
  ['an unknown key', `${BASE}prob: {}\n`, "c.yaml:5:1: prob: unknown key; did you mean 'probe'?"],
  [
    'an unknown key like no other',
    `${BASE}zebra: {}\n`,
    'c.yaml:5:1: zebra: unknown key; remove it; known here: cluster, planes, hosts, probe, arp, route, beacon, control, metrics, heartbeat',
  ],
  // YAML
  [
    'a key twice',
    `${BASE}cluster: two\n`,
    'c.yaml:5:1: a key stands here for the second time; remove one of the two, or merge them',
  ],
  ['a tab', 'cluster:\n\tx: 1\n', 'c.yaml:2:1: a tab indents this line; indent with spaces'],
  [
    'two documents',
    `${BASE}---\nx: 1\n`,
    "c.yaml:5:1: a second document begins here; keep one document, without a second '---'",
  ],
  [
    'a tag',
    'cluster: !secret x\n',
    'c.yaml:1:10: unresolved tag: !secret; write plain YAML without tags and directives',
  ],
  [
    'an anchor that is missing',
    'cluster: *x\n',
    'c.yaml:1:10: no anchor &x stands before this alias; write the value out',
  ],
  ['a key that is a list', `${BASE}[a]: 1\n`, 'c.yaml:5:1: this is no usable key; write a name'],
  ['a key that objects lose', `${BASE}__proto__: 1\n`, 'c.yaml:5:1: this is no usable key; write a name'],
  [
    'an alias of itself',
    'cluster: &x [*x]\n',
    'c.yaml:1:14: maps and lists are nested too deep; write the configuration as the documentation shows it',
  ],
  // cluster, planes
  [
    'a number for a name',
    `cluster: 5\nplanes: [a, b]\n${ALPHA}`,
    "c.yaml:1:10: cluster: '5' is not a text; put it in quotes if it is the name",
  ],
  [
    'no cluster name',
    `cluster:\nplanes: [a, b]\n${ALPHA}`,
    'c.yaml:1:9: cluster: has no value; write the name of the cluster, such as cluster: demo',
  ],
  [
    'a name with a space',
    `cluster: a b\nplanes: [a, b]\n${ALPHA}`,
    "c.yaml:1:10: cluster: 'a b' is not a usable name; write a name of up to 63 letters, digits, '-', '_' and '.', beginning with a letter or a digit",
  ],
  [
    'a plane twice',
    `cluster: demo\nplanes: [a, b, a]\n${ALPHA}`,
    "c.yaml:2:16: planes[2]: 'a' stands here for the second time; remove it, or give the plane another name",
  ],
  [
    'planes as a map',
    `cluster: demo\nplanes: { a: 1 }\n${ALPHA}`,
    'c.yaml:2:9: planes: a map is not a list; write a list, such as [a, b]',
  ],
  [
    'too many planes',
    `cluster: demo\nplanes: [${Array.from({ length: 17 }, (_, n) => String.fromCharCode(97 + n)).join(', ')}]\n${ALPHA}`,
    'c.yaml:2:58: planes[16]: more than 16 planes; remove some',
  ],
  [
    'no plane',
    `cluster: demo\nplanes: []\nhosts:\n  alpha: { alias: 10.78.0.1, links: {} }\n`,
    'c.yaml:2:9: planes: names no plane; write two or more, such as [a, b]',
    "c.yaml:4:37: hosts.alpha.links: is empty; write one of the host's links at least",
  ],
  // hosts
  [
    'hosts as a list',
    `${HEAD}hosts: [alpha]\n`,
    'c.yaml:3:8: hosts: a list is not a map; write a map with one entry for each host',
  ],
  [
    'no host',
    `${HEAD}hosts: {}\n`,
    'c.yaml:3:8: hosts: names no host; write a map with one entry for each host',
  ],
  [
    'hosts without a value',
    `${HEAD}hosts:\n`,
    'c.yaml:3:7: hosts: has no value; write a map with one entry for each host',
  ],
  [
    'a host without a value',
    `${HEAD}hosts:\n  alpha:\n`,
    'c.yaml:4:9: hosts.alpha: has no value; write { alias: ADDRESS, links: { PLANE: INTERFACE } }',
  ],
  [
    'a host name with a slash',
    `${HEAD}hosts:\n  a/b: { alias: 10.78.0.1, links: { a: eth0 } }\n`,
    "c.yaml:4:3: hosts.a/b: 'a/b' is not a usable name; write a name of up to 63 letters, digits, '-', '_' and '.', beginning with a letter or a digit",
  ],
  [
    'a host without alias',
    alpha('{ links: { a: eth0 } }'),
    'c.yaml:4:3: hosts.alpha.alias: is missing; write an IPv4 address, such as 10.78.0.1',
  ],
  [
    'a host without links',
    alpha('{ alias: 10.78.0.1 }'),
    'c.yaml:4:3: hosts.alpha.links: is missing; write keys and values, such as { key: value }',
  ],
  [
    'no link',
    alpha('{ alias: 10.78.0.1, links: {} }'),
    "c.yaml:4:37: hosts.alpha.links: is empty; write one of the host's links at least",
  ],
  [
    'an alias that is none',
    alpha('{ alias: 10.78.0.300, links: { a: eth0 } }'),
    "c.yaml:4:19: hosts.alpha.alias: '10.78.0.300' is not an IPv4 address; write an IPv4 address, such as 10.78.0.1",
  ],
  [
    'a multicast alias',
    alpha('{ alias: [10.78.0.1, 224.0.0.1], links: { a: eth0 } }'),
    'c.yaml:4:31: hosts.alpha.alias[1]: 224.0.0.1 is no address that a host can have; choose one outside 0/8, 127/8 and 224/3',
  ],
  [
    'an alias twice',
    `${BASE}  beta: { alias: 10.78.0.1, links: { a: eth0 } }\n`,
    'c.yaml:5:18: hosts.beta.alias[0]: 10.78.0.1 is already an alias of alpha; give each host an address of its own',
  ],
  [
    'an unknown plane',
    alpha('{ alias: 10.78.0.1, links: { a: eth0, cc: eth1 } }'),
    "c.yaml:4:48: hosts.alpha.links.cc: there is no plane 'cc'; name one of the planes (a, b), or add it to planes",
  ],
  [
    'one card on two planes',
    alpha('{ alias: 10.78.0.1, links: { a: eth0, b: eth0 } }'),
    'c.yaml:4:51: hosts.alpha.links.b: eth0 is already the link on plane a; name a card of its own for each plane',
  ],
  [
    'the loopback interface',
    alpha('{ alias: 10.78.0.1, links: { a: lo } }'),
    'c.yaml:4:42: hosts.alpha.links.a: lo is the loopback interface; name a card that is on this plane',
  ],
  [
    'an interface name of 16 bytes',
    alpha('{ alias: 10.78.0.1, links: { a: enp0s31f6np0v123 } }'),
    "c.yaml:4:42: hosts.alpha.links.a: 'enp0s31f6np0v123' is no interface name; write 1 to 15 bytes without '/', ':' and spaces",
  ],
  [
    'an interface name with a slash',
    alpha('{ alias: 10.78.0.1, links: { a: eth/0 } }'),
    "c.yaml:4:42: hosts.alpha.links.a: 'eth/0' is no interface name; write 1 to 15 bytes without '/', ':' and spaces",
  ],
  [
    'two dots',
    alpha('{ alias: 10.78.0.1, links: { a: .. } }'),
    "c.yaml:4:42: hosts.alpha.links.a: '..' is no interface name; write 1 to 15 bytes without '/', ':' and spaces",
  ],
  [
    'a number for an interface',
    alpha('{ alias: 10.78.0.1, links: { a: 0 } }'),
    "c.yaml:4:42: hosts.alpha.links.a: '0' is not a text; put it in quotes if it is the name",
  ],
  [
    'an unknown key of a host',
    alpha('{ alias: 10.78.0.1, link: { a: eth0 } }'),
    'c.yaml:4:3: hosts.alpha.links: is missing; write keys and values, such as { key: value }',
    "c.yaml:4:30: hosts.alpha.link: unknown key; did you mean 'links'?",
  ],
  [
    'addresses of a host with an agent',
    alpha('{ alias: 10.78.0.1, links: { a: eth0 }, addresses: { a: 10.77.0.1 } }'),
    'c.yaml:4:50: hosts.alpha.addresses: is for far ends; remove it, or add agent: false',
  ],
  [
    'a priority on a plane without a link',
    alpha('{ alias: 10.78.0.1, links: { a: eth0 }, priority: { a: 1, b: 200 } }'),
    "c.yaml:4:68: hosts.alpha.priority.b: alpha has no link on plane 'b'; name a plane of its links (a), or add the link",
  ],
  [
    'a priority on a plane whose name is misspelt',
    `cluster: demo\nplanes: [north, south]\nhosts:\n  alpha: { alias: 10.78.0.1, links: { north: eth0 }, priority: { nroth: 1 } }\n`,
    "c.yaml:4:66: hosts.alpha.priority.nroth: alpha has no link on plane 'nroth'; did you mean 'north'?",
  ],
  [
    'priority 0',
    alpha('{ alias: 10.78.0.1, links: { a: eth0 }, priority: { a: 0 } }'),
    'c.yaml:4:65: hosts.alpha.priority.a: 0 is out of range; write a whole number from 1 to 255',
  ],
  [
    'priority 256',
    alpha('{ alias: 10.78.0.1, links: { a: eth0 }, priority: { a: 256 } }'),
    'c.yaml:4:65: hosts.alpha.priority.a: 256 is out of range; write a whole number from 1 to 255',
  ],
  [
    'a priority for no plane',
    alpha('{ alias: 10.78.0.1, links: { a: eth0 }, priority: 200 }'),
    "c.yaml:4:60: hosts.alpha.priority: '200' is not a map; write keys and values, such as { key: value }",
  ],
  [
    'a hardware address on a plane without a link',
    alpha("{ alias: 10.78.0.1, links: { a: eth0 }, mac: { b: '02:00:00:00:00:01' } }"),
    "c.yaml:4:57: hosts.alpha.mac.b: alpha has no link on plane 'b'; name a plane of its links (a), or add the link",
  ],
  [
    'a hardware address with dashes',
    alpha('{ alias: 10.78.0.1, links: { a: eth0 }, mac: { a: 02-00-00-00-00-01 } }'),
    "c.yaml:4:60: hosts.alpha.mac.a: '02-00-00-00-00-01' is not a hardware address; write the hardware address of its card there, such as 02:00:5e:10:00:01",
  ],
  [
    'a hardware address of a group',
    alpha('{ alias: 10.78.0.1, links: { a: eth0 }, mac: { a: 03:00:00:00:00:01 } }'),
    'c.yaml:4:60: hosts.alpha.mac.a: 03:00:00:00:00:01 is no address that a card can have; write the hardware address of its card there, such as 02:00:5e:10:00:01',
  ],
  [
    'a hardware address of two hosts',
    `${alpha('{ alias: 10.78.0.1, links: { a: eth0 }, mac: { a: 02:00:00:00:00:01 } }')}  beta: { alias: 10.78.0.2, links: { a: eth0 }, mac: { a: 02:00:00:00:00:01 } }\n`,
    "c.yaml:5:59: hosts.beta.mac.a: 02:00:00:00:00:01 is already alpha's on plane a; give each host the address of its own card",
  ],
  [
    'agent that is neither',
    alpha('{ agent: maybe, alias: 10.78.0.1, links: { a: eth0 } }'),
    "c.yaml:4:19: hosts.alpha.agent: 'maybe' is neither true nor false; write true or false",
  ],
  // far ends
  [
    'a far end with an alias',
    gate(', alias: 10.78.0.9'),
    'c.yaml:5:56: hosts.gate.alias: is for hosts with an agent; remove it, or remove agent: false',
  ],
  [
    'a far end with links',
    gate(', links: { a: eth0 }'),
    'c.yaml:5:56: hosts.gate.links: is for hosts with an agent; remove it, or remove agent: false',
  ],
  [
    'a far end with a hardware address on a plane without an address',
    gate(', mac: { z: 02:00:00:00:00:fe }'),
    "c.yaml:5:63: hosts.gate.mac.z: gate has no address on plane 'z'; name a plane of its addresses (a), or add the address",
  ],
  [
    'a far end with a priority',
    gate(', priority: { a: 200 }'),
    'c.yaml:5:56: hosts.gate.priority: is for hosts with an agent; remove it, or remove agent: false',
  ],
  [
    'a far end without addresses',
    `${BASE}  gate: { agent: false }\n`,
    'c.yaml:5:3: hosts.gate.addresses: is missing; write keys and values, such as { key: value }',
  ],
  [
    'a far end with no address',
    `${BASE}  gate: { agent: false, addresses: {} }\n`,
    "c.yaml:5:36: hosts.gate.addresses: is empty; write one of the host's addresses at least",
  ],
  [
    'a far end on an unknown plane',
    `${BASE}  gate: { agent: false, addresses: { x: 10.77.0.254 } }\n`,
    "c.yaml:5:38: hosts.gate.addresses.x: there is no plane 'x'; name one of the planes (a, b), or add it to planes",
  ],
  [
    "a far end at a host's alias",
    `${BASE}  gate: { agent: false, addresses: { a: 10.78.0.1 } }\n`,
    'c.yaml:5:41: hosts.gate.addresses.a: 10.78.0.1 is an alias of alpha; give each host an address of its own',
  ],
  [
    'two far ends at one address',
    `${gate('')}  fire: { agent: false, addresses: { a: 10.77.0.254 } }\n`,
    "c.yaml:6:41: hosts.fire.addresses.a: 10.77.0.254 is already gate's on plane a; give each host an address of its own",
  ],
  [
    'a prefix with bits beyond its length',
    gate(', prefixes: [192.0.2.1/24]'),
    "c.yaml:5:67: hosts.gate.prefixes[0]: '192.0.2.1/24' is not an IPv4 prefix, or has bits set beyond its length; write a network and its length, such as 192.0.2.0/24",
  ],
  [
    'a prefix twice',
    gate(', prefixes: [192.0.2.0/24, 192.0.2.0/24]'),
    'c.yaml:5:81: hosts.gate.prefixes[1]: 192.0.2.0/24 is already reached through gate; remove one of the two',
  ],
  [
    'an alias as a prefix',
    gate(', prefixes: [10.78.0.1/32]'),
    'c.yaml:5:67: hosts.gate.prefixes[0]: 10.78.0.1/32 is an alias of alpha; remove it',
  ],
  [
    'an alias to ping',
    gate(', icmp: 10.78.0.1'),
    'c.yaml:5:62: hosts.gate.icmp: 10.78.0.1 is an alias of alpha; give each host an address of its own',
  ],
  // probe
  [
    'a time without unit',
    `${BASE}probe: { interval: 50 }\n`,
    'c.yaml:5:20: probe.interval: 50 has no unit; write 50ms if milliseconds are meant',
  ],
  [
    'a time in a wrong unit',
    `${BASE}probe: { interval: 50us }\n`,
    "c.yaml:5:20: probe.interval: '50us' is not a time; write a number and its unit, such as 50ms, 1s or 2m",
  ],
  [
    'a time that is too short',
    `${BASE}probe: { interval: 0.5ms }\n`,
    'c.yaml:5:20: probe.interval: 0.5ms is out of range; write a time from 1ms to 1m',
  ],
  [
    'a time that is too long',
    `${BASE}probe: { hold: 2h }\n`,
    'c.yaml:5:16: probe.hold: 2h is out of range; write a time from 0ms to 1h',
  ],
  [
    'a retry longer than the interval',
    `${BASE}probe: { interval: 10ms, retry: 20ms }\n`,
    'c.yaml:5:33: probe.retry: is longer than probe.interval; write a time of at most probe.interval, 10ms',
  ],
  [
    'no misses',
    `${BASE}probe: { misses: 0 }\n`,
    'c.yaml:5:18: probe.misses: 0 is out of range; write a whole number from 1 to 100',
  ],
  [
    'half a miss',
    `${BASE}probe: { misses: 1.5 }\n`,
    "c.yaml:5:18: probe.misses: '1.5' is not a whole number; write a whole number from 1 to 100",
  ],
  [
    'an option without a value',
    `${BASE}probe:\n  rise:\n`,
    'c.yaml:6:8: probe.rise: has no value; write a whole number from 1 to 100',
  ],
  [
    'a section that is a list',
    `${BASE}probe: []\n`,
    'c.yaml:5:8: probe: a list is not a map; write keys and values, such as { key: value }',
  ],
  [
    "teamd's name",
    `${BASE}probe: { missed_max: 3 }\n`,
    'c.yaml:5:10: probe.missed_max: unknown key; remove it; known here: interval, retry, misses, rise, hold, hints',
  ],
  [
    'fewer requests for hints than one hint takes',
    `${BASE}probe: { hints: 1 }\n`,
    'c.yaml:5:17: probe.hints: 1 is out of range; write a whole number from 2 to 100000',
  ],
  [
    'hints as a time',
    `${BASE}probe: { hints: 60s }\n`,
    "c.yaml:5:17: probe.hints: '60s' is not a whole number; write a whole number from 2 to 100000",
  ],
  // arp
  [
    'an unknown responder',
    `${BASE}arp: { responder: both }\n`,
    "c.yaml:5:19: arp.responder: 'both' is not one of its values; write auto, agent or kernel",
  ],
  [
    'a spacing that is too short',
    `${BASE}arp: { spacing: 1ms }\n`,
    'c.yaml:5:17: arp.spacing: 1ms is out of range; write a time from 10ms to 1m',
  ],
  [
    'a refresh that is too short',
    `${BASE}arp: { refresh: 10ms }\n`,
    'c.yaml:5:17: arp.refresh: 10ms is out of range; write a time from 1s to 1h, or off, or 0s',
  ],
  // route
  [
    "the kernel's protocol",
    `${BASE}route: { protocol: 2 }\n`,
    "c.yaml:5:20: route.protocol: 2 is the kernel's own; write a number from 5 to 255 that no other routing daemon uses, such as 77",
  ],
  [
    "BIRD's protocol",
    `${BASE}route: { protocol: 12 }\n`,
    'c.yaml:5:20: route.protocol: 12 belongs to BIRD; write a number from 5 to 255 that no other routing daemon uses, such as 77',
  ],
  [
    'protocol 256',
    `${BASE}route: { protocol: 256 }\n`,
    'c.yaml:5:20: route.protocol: 256 is out of range; write a number from 5 to 255 that no other routing daemon uses, such as 77',
  ],
  [
    'a metric without room for the planes',
    `${BASE}route: { metric: 4294957280 }\n`,
    'c.yaml:5:18: route.metric: 4294957280 leaves no room for 2 planes, 10 apart; write at most 4294957275',
  ],
  [
    'metric 0',
    `${BASE}route: { metric: 0 }\n`,
    'c.yaml:5:18: route.metric: 0 is out of range; write a whole number from 1 to 4294957285',
  ],
  [
    "the kernel's table",
    `${BASE}route: { table: 255 }\n`,
    "c.yaml:5:17: route.table: 255 is the kernel's local table; write main, or a number from 1 to 4294967295 except 255",
  ],
  [
    'a table by another name',
    `${BASE}route: { table: default }\n`,
    "c.yaml:5:17: route.table: 'default' is no table; write main, or a number from 1 to 4294967295 except 255",
  ],
  [
    'a least retransmission time of 0',
    `${BASE}route: { rto-min: 0ms }\n`,
    'c.yaml:5:19: route.rto-min: 0ms is out of range; write a time from 1ms to 10s, or off',
  ],
  [
    'a number for quickack',
    `${BASE}route: { quickack: 1 }\n`,
    "c.yaml:5:20: route.quickack: '1' is neither true nor false; write true or false",
  ],
  [
    'an initial window of 0',
    `${BASE}route: { initcwnd: 0 }\n`,
    'c.yaml:5:20: route.initcwnd: 0 is out of range; write a whole number from 1 to 65535',
  ],
  [
    'a congestion control of 16 letters',
    `${BASE}route: { congctl: sixteen-letters- }\n`,
    "c.yaml:5:19: route.congctl: 'sixteen-letters-' is no name of a congestion control; write the name of one that the kernel has, such as cubic",
  ],
  [
    'an MTU that IP does not know',
    `${BASE}route: { mtu: 67 }\n`,
    'c.yaml:5:15: route.mtu: 67 is out of range; write a whole number from 68 to 65520',
  ],
  [
    'an MTU that the kernel would make another',
    `${BASE}route: { mtu: 65521 }\n`,
    'c.yaml:5:15: route.mtu: 65521 is out of range; write a whole number from 68 to 65520',
  ],
  // beacon, control, metrics
  [
    'beacons that are neither on nor off',
    `${BASE}beacon: { enabled: 1 }\n`,
    "c.yaml:5:20: beacon.enabled: '1' is neither true nor false; write true or false",
  ],
  [
    'a beacon interval without unit',
    `${BASE}beacon: { interval: 50 }\n`,
    'c.yaml:5:21: beacon.interval: 50 has no unit; write 50ms if milliseconds are meant',
  ],
  [
    'a relative key file',
    `${BASE}beacon: { key-file: key }\n`,
    "c.yaml:5:21: beacon.key-file: 'key' is not usable as a path; write an absolute path of at most 4095 bytes",
  ],
  [
    'an unknown key of beacons',
    `${BASE}beacon: { keyfile: /etc/beacon.key }\n`,
    "c.yaml:5:11: beacon.keyfile: unknown key; did you mean 'key-file'?",
  ],
  [
    'a beacon interval that is too short',
    `${BASE}beacon: { interval: 0.9ms }\n`,
    'c.yaml:5:21: beacon.interval: 0.9ms is out of range; write a time from 1ms to 1m',
  ],
  [
    'a verification that is too frequent',
    `${BASE}beacon: { verify: 99ms }\n`,
    'c.yaml:5:19: beacon.verify: 99ms is out of range; write a time from 100ms to 1m',
  ],
  [
    'a time to expire that is too short',
    `${BASE}beacon: { expire: 999ms }\n`,
    'c.yaml:5:19: beacon.expire: 999ms is out of range; write a time from 1s to 1h',
  ],
  [
    'a discovery that is neither',
    `${BASE}beacon: { discover: maybe }\n`,
    "c.yaml:5:21: beacon.discover: 'maybe' is neither true nor false; write true or false",
  ],
  [
    'an EtherType that is a length',
    `${BASE}beacon: { ethertype: 0x05ff }\n`,
    'c.yaml:5:22: beacon.ethertype: 1535 is out of range; write a number from 0x0600 to 0xffff that no other protocol uses, such as 0x88B5',
  ],
  [
    'an EtherType of 17 bits',
    `${BASE}beacon: { ethertype: 0x10000 }\n`,
    'c.yaml:5:22: beacon.ethertype: 65536 is out of range; write a number from 0x0600 to 0xffff that no other protocol uses, such as 0x88B5',
  ],
  [
    "IPv4's EtherType",
    `${BASE}beacon: { ethertype: 0x0800 }\n`,
    'c.yaml:5:22: beacon.ethertype: 0x0800 belongs to IPv4; write a number from 0x0600 to 0xffff that no other protocol uses, such as 0x88B5',
  ],
  [
    "ARP's EtherType",
    `${BASE}beacon: { ethertype: 2054 }\n`,
    'c.yaml:5:22: beacon.ethertype: 0x0806 belongs to ARP; write a number from 0x0600 to 0xffff that no other protocol uses, such as 0x88B5',
  ],
  [
    "IPv6's EtherType",
    `${BASE}beacon: { ethertype: 0x86DD }\n`,
    'c.yaml:5:22: beacon.ethertype: 0x86dd belongs to IPv6; write a number from 0x0600 to 0xffff that no other protocol uses, such as 0x88B5',
  ],
  [
    "a VLAN tag's EtherType",
    `${BASE}beacon: { ethertype: 0x8100 }\n`,
    'c.yaml:5:22: beacon.ethertype: 0x8100 belongs to VLAN tags; write a number from 0x0600 to 0xffff that no other protocol uses, such as 0x88B5',
  ],
  [
    "a provider's VLAN tag's EtherType",
    `${BASE}beacon: { ethertype: 0x88a8 }\n`,
    'c.yaml:5:22: beacon.ethertype: 0x88a8 belongs to VLAN tags of providers; write a number from 0x0600 to 0xffff that no other protocol uses, such as 0x88B5',
  ],
  [
    'an EtherType in quotes',
    `${BASE}beacon: { ethertype: '0x88B5' }\n`,
    "c.yaml:5:22: beacon.ethertype: '0x88B5' is not a whole number; write a number from 0x0600 to 0xffff that no other protocol uses, such as 0x88B5",
  ],
  [
    'beacons that are verified more often than paths are probed',
    `${BASE}probe: { interval: 2s }\nbeacon: { enabled: true, verify: 1500ms }\n`,
    'c.yaml:6:34: beacon.verify: 1500ms is shorter than probe.interval; write a time of at least probe.interval, 2s',
  ],
  [
    'a default verification that is too frequent',
    `${BASE}probe: { interval: 2s }\nbeacon: { enabled: true }\n`,
    'c.yaml:6:9: beacon.verify: 1s is shorter than probe.interval; write a time of at least probe.interval, 2s',
  ],
  [
    'hosts that expire between two beacons',
    `${BASE}beacon: { enabled: true, interval: 500ms, expire: 1499ms }\n`,
    'c.yaml:5:51: beacon.expire: 1499ms is shorter than 3 beacon intervals; write a time of at least 1500ms',
  ],
  [
    'more aliases than a beacon has room for',
    `${alpha(`{ alias: [${aliases(17)}], links: { a: eth0 } }`)}beacon: { enabled: true }\n`,
    'c.yaml:4:203: hosts.alpha.alias[16]: more than 16 aliases, for which a beacon has no room; remove some',
  ],
  [
    'a socket path too long for the kernel',
    `${BASE}control: { socket: /${'x'.repeat(107)} }\n`,
    `c.yaml:5:20: control.socket: '/${'x'.repeat(38)}…' is not usable as a path; write an absolute path of at most 107 bytes`,
  ],
  [
    'a port alone',
    `${BASE}metrics: { listen: 9477 }\n`,
    "c.yaml:5:20: metrics.listen: '9477' is not an address and a port; write an address and a port, such as 127.0.0.1:9477",
  ],
  [
    'metrics without an address',
    `${BASE}metrics: {}\n`,
    'c.yaml:5:1: metrics.listen: is missing; write an address and a port, such as 127.0.0.1:9477',
  ],
];

test.each(CASES)('%s', (_name, text, ...said) => {
  expect(refusal(text)).toEqual(said);
});
