import { formatIpv4 } from '../wire/address';
import { check, finding } from './check';
import { START_AGENT } from './daemon';
import { type Finding, quote } from './finding';

const LOOPBACK = 'lo';

/** Where our own aliases and those of the peers are bound. */
export const aliasCheck = check('aliases', ['interfaces', 'status'], ({ interfaces, topology, status }) => {
  const findings: Finding[] = [];
  const placesOf = (address: number) =>
    interfaces.flatMap(({ name, addresses }) =>
      addresses.filter((one) => one.address === address).map(({ length }) => ({ name, length })),
    );
  for (const alias of topology.aliases) {
    const subject = formatIpv4(alias);
    const places = placesOf(alias);
    if (!places.some(({ name }) => name === LOOPBACK)) {
      const what = 'this alias of ours is not bound to lo';
      const command = status === null ? START_AGENT : 'multihomectl reload';
      findings.push(finding('alias-missing', { severity: 'error', subject, what }, command));
    }
    for (const { name, length } of places) {
      if (name === LOOPBACK) continue;
      const what = `this alias of ours is also an address of ${name}`;
      findings.push(
        finding('alias-on-card', { severity: 'error', subject, what }, unbind(subject, length, name)),
      );
    }
  }
  for (const peer of topology.peers)
    for (const address of peer.kind === 'agent' ? peer.aliases : peer.addresses.values())
      for (const { name, length } of placesOf(address)) {
        const subject = formatIpv4(address);
        const what = `this address of ${peer.name} is bound to ${name} on this host`;
        findings.push(
          finding('alias-of-peer', { severity: 'error', subject, what }, unbind(subject, length, name)),
        );
      }
  return findings;
});

function unbind(address: string, length: number, device: string): string {
  return `ip address del ${address}/${length} dev ${quote(device)}`;
}
