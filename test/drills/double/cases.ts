import { AGENT_KINDS, type Case, type Fault, isAgentFault, LINK_KINDS, type Shape } from './fault';

/** Everything that can befall one host. */
function faultsOf(host: number, { planes }: Shape): Fault[] {
  const all = Array.from({ length: planes }, (_, plane) => plane);
  return [
    ...all.flatMap((plane) => LINK_KINDS.map((kind): Fault => ({ kind, host, plane }))),
    ...AGENT_KINDS.map((kind): Fault => ({ kind, host })),
  ];
}

function switches({ planes }: Shape): Fault[] {
  return Array.from({ length: planes }, (_, plane): Fault => ({ kind: 'switch', plane }));
}

/** Whether `second` can come while `first` lasts: no fault comes twice, and an agent that has failed cannot fail again. */
function canFollow(first: Fault, second: Fault): boolean {
  if (isAgentFault(first) && isAgentFault(second)) return first.host !== second.host;
  return JSON.stringify(first) !== JSON.stringify(second);
}

/**
 * Every ordered pair of faults, each place once: hosts are alike, so the first that is befallen is always host 0, and another
 * one host 1; traffic runs between all hosts, so those that nothing befalls are looked at too. Planes are not alike, since
 * they have an order of preference: every one is taken.
 */
export function casesOf(shape: Shape): Case[] {
  const afterNobody = [...faultsOf(0, shape), ...switches(shape)];
  const afterOne = [...afterNobody, ...(shape.hosts > 1 ? faultsOf(1, shape) : [])];
  return afterNobody.flatMap((first) =>
    ('host' in first ? afterOne : afterNobody)
      .filter((second) => canFollow(first, second))
      .map((second) => ({ first, second })),
  );
}

/** Some of the cases, each once, in an order of chance. @param random gives numbers from 0 to below 1 */
export function sampleOf(cases: readonly Case[], count: number, random: () => number): Case[] {
  const left = [...cases];
  const sample: Case[] = [];
  while (sample.length < count && left.length > 0)
    sample.push(...left.splice(Math.floor(random() * left.length), 1));
  return sample;
}
