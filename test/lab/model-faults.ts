import { formatIpv4 } from '../../agent/wire/address';
import type { DropDirection } from '../../deploy/lab/switch';
import type { Host } from '../sim/host';
import { Random } from '../sim/random';
import type { LabFault } from './model-stages';
import type { Cluster } from './promise-cluster';

/** Exit status of a drain that would cut a peer off: agent/cli/drain.ts. */
const REFUSED = 75;
const DIRECTIONS: Readonly<Record<'silence' | 'deaf' | 'mute', DropDirection>> = {
  silence: 'both',
  deaf: 'to-host',
  mute: 'from-host',
};

/** Makes a fault of the model happen in the lab; what mends it. `twin` is the model's host, as it is before. */
export async function inflictInLab(
  cluster: Cluster,
  fault: LabFault,
  twin: Host,
): Promise<() => Promise<unknown>> {
  const { lab } = cluster;
  const { name } = twin;
  const plane = lab.planes[fault.plane]!;
  const host = lab.host(name);
  const { device } = host.link(plane);
  switch (fault.kind) {
    case 'pull':
      await lab.pullCard(name, plane);
      return () => lab.returnCard(name, plane);
    case 'silence':
    case 'deaf':
    case 'mute':
      await lab.dropPort(name, plane, DIRECTIONS[fault.kind]);
      return () => lab.undropPort(name, plane);
    case 'switch-off':
      await lab.killSwitch(plane);
      return () => lab.reviveSwitch(plane);
    case 'switch-hang':
      await lab.silenceSwitch(plane);
      return () => lab.unsilenceSwitch(plane);
    case 'link-down':
      await lab.downLink(name, plane);
      return () => lab.upLink(name, plane);
    case 'card-swap':
      await lab.removeCard(name, plane);
      return () => lab.insertCard(name, plane);
    case 'new-mac':
      await lab.changeMac(name, plane, macOf(fault));
      return nothing;
    case 'drain':
      expect([0, REFUSED]).toContain((await host.ctl('drain', device)).status);
      return () => host.ctl('undrain', device);
    case 'kill':
      await cluster.kill(name);
      await host.ctl('release');
      return () => cluster.start(name);
    case 'stop':
      await cluster.kill(name, 'SIGTERM');
      return () => cluster.start(name);
    case 'pause':
      cluster.agent(name).kill('SIGSTOP');
      return async () => cluster.agent(name).kill('SIGCONT');
    case 'tamper':
      await host.ip(deletionOf(twin, fault));
      return nothing;
    case 'tamper-neighbors':
      await host.run('ip', ['neigh', 'flush', 'nud', 'permanent']);
      return nothing;
    case 'tamper-alias':
      await host.ip(`address del ${host.alias}/32 dev lo`);
      return nothing;
  }
}

const nothing = async () => undefined;

/** Deletes the route that the model picks for the same fault. */
function deletionOf({ kernel }: Host, { seed }: LabFault): string {
  const { type, destination, device, metric } = new Random(seed).pick(kernel.routes);
  const way = type === 'unicast' ? ` dev ${kernel.deviceOf(device)!.name}` : '';
  return `route del ${type} ${formatIpv4(destination.address)}${way} metric ${metric}`;
}

/** An address that no card of the lab has had. */
function macOf({ serial, host, plane }: LabFault): string {
  const octet = (value: number) => value.toString(16).padStart(2, '0');
  return `02:00:00:01:${octet(serial)}:${octet(16 * plane + host)}`;
}
