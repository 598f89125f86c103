/** What befalls one host's link: its card is pulled, or its switch port silently drops frames, all or those of one direction. */
export const LINK_KINDS = ['card', 'port', 'from-host', 'to-host'] as const;
/** What befalls an agent: killed (SIGKILL), ended in order (SIGTERM), or stopped where it stands (SIGSTOP). */
export const AGENT_KINDS = ['killed', 'ended', 'paused'] as const;

export type LinkKind = (typeof LINK_KINDS)[number];
export type AgentKind = (typeof AGENT_KINDS)[number];
export type FaultKind = LinkKind | 'switch' | AgentKind;

/** In the order of the table. */
export const KINDS: readonly FaultKind[] = [...LINK_KINDS, 'switch', ...AGENT_KINDS];

/** A fault with its place; hosts and planes count from 0, planes in order of preference. */
export type Fault =
  | { readonly kind: LinkKind; readonly host: number; readonly plane: number }
  | { readonly kind: 'switch'; readonly plane: number }
  | { readonly kind: AgentKind; readonly host: number };

/** How large a cluster is: every host is on every plane. */
export interface Shape {
  readonly hosts: number;
  readonly planes: number;
}

/** Two faults in the order in which they come. */
export interface Case {
  readonly first: Fault;
  readonly second: Fault;
}

const HOSTS = ['alpha', 'beta', 'gamma', 'delta'];
const PLANES = ['a', 'b', 'c'];

export function hostName(host: number): string {
  return HOSTS[host] ?? `host${host}`;
}

export function planeName(plane: number): string {
  return PLANES[plane] ?? `plane${plane}`;
}

/** Such as `card alpha/a`, `switch b`, `killed beta`. */
export function describeFault(fault: Fault): string {
  const host = 'host' in fault ? hostName(fault.host) : '';
  const plane = 'plane' in fault ? planeName(fault.plane) : '';
  return `${fault.kind} ${[host, plane].filter((part) => part !== '').join('/')}`;
}

export function describeCase({ first, second }: Case): string {
  return `${describeFault(first)}, ${describeFault(second)}`;
}

export function isAgentFault(fault: Fault): fault is Extract<Fault, { readonly kind: AgentKind }> {
  return !('plane' in fault);
}
