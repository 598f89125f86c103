import type { StatusReport } from '../control/protocol';
import { formatIpv4 } from '../wire/address';
import { check, finding } from './check';
import type { Plan } from './evidence';
import type { Finding } from './finding';

export const START_AGENT = 'systemctl start multihomed';

export const agentCheck = check('agent', ['status'], ({ status, topology }) => {
  if (status === null) {
    const what = 'no agent runs on this host';
    return [finding('agent-stopped', { severity: 'warning', subject: topology.host, what }, START_AGENT)];
  }
  const findings: Finding[] = [];
  if (!status.ready) {
    const what = `the agent (pid ${status.pid}) is not ready yet`;
    const command = 'multihomectl wait';
    findings.push(finding('agent-starting', { severity: 'notice', subject: topology.host, what }, command));
  }
  const differs = differences(status, topology);
  if (differs.length > 0) {
    const what = `the agent and the configuration file have other ${differs.join(', ')}`;
    const particulars = { severity: 'warning', subject: topology.host, what } as const;
    findings.push(finding('configuration-not-loaded', particulars, 'multihomectl reload'));
  }
  return findings;
});

/** In what the running agent and the file differ. */
function differences(status: StatusReport, topology: Plan['topology']): string[] {
  const same = (one: readonly string[], other: readonly string[]) =>
    JSON.stringify([...one].sort()) === JSON.stringify([...other].sort());
  const links = topology.links.map(({ name, plane }) => `${topology.planes[plane]} ${name}`);
  const listed = status.peers.filter(({ origin }) => origin === 'file');
  return [
    ...(status.cluster === topology.cluster && status.host === topology.host ? [] : ['names']),
    ...(same(status.aliases, topology.aliases.map(formatIpv4)) ? [] : ['aliases']),
    ...(same(
      status.links.map(({ name, plane }) => `${plane} ${name}`),
      links,
    )
      ? []
      : ['links']),
    ...(same(
      listed.map(({ name }) => name),
      topology.peers.map(({ name }) => name),
    )
      ? []
      : ['peers']),
  ];
}
