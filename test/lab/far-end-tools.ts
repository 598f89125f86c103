import type { LabHost } from '../../deploy/lab/host';
import type { Lab } from '../../deploy/lab/lab';
import { Namespace } from '../../deploy/lab/namespace';

/** What is reached through the far end, and the host there. */
export const BEHIND = '198.51.100.0/24';
export const SERVER = '198.51.100.1';

/**
 * Forwarding, and routes that are left when their link loses its carrier, as a router has it. Without reverse path filtering: for what
 * leaves by `eth0` it looks up the rules for what comes in there.
 */
const ROUTER = `
echo 1 > /proc/sys/net/ipv4/ip_forward
for link in uplink0 uplink1; do
  echo 1 > /proc/sys/net/ipv4/conf/$link/ignore_routes_with_linkdown
  echo 0 > /proc/sys/net/ipv4/conf/$link/rp_filter
done`;

/**
 * A server behind the far end, reached by an uplink of its own for each plane: what comes in by `eth0` goes on by `uplink0`, what by
 * `eth1` by `uplink1`. So one uplink can die while the far end's ARP on that plane still answers.
 */
export async function placeServer(gate: LabHost): Promise<Namespace> {
  const server = await Namespace.create('server', 'host');
  for (const index of [0, 1]) {
    const net = `203.0.113.${4 * index}`;
    const [near, far] = [net.replace(/\d+$/, `${4 * index + 1}`), net.replace(/\d+$/, `${4 * index + 2}`)];
    await gate.ip(
      `link add uplink${index} type veth peer name net${index} netns ${server.pid}`,
      `link set uplink${index} up`,
      `address add ${near}/30 dev uplink${index}`,
    );
    await server.ip(`link set net${index} up`, `address add ${far}/30 dev net${index}`);
    await server.ip(`route add default via ${near} metric ${10 + index}`);
    await gate.ip(
      `rule add iif eth${index} to ${BEHIND} lookup ${100 + index}`,
      `route add ${BEHIND} via ${far} dev uplink${index} table ${100 + index}`,
      `route add unreachable ${BEHIND} metric 1000 table ${100 + index}`,
      `route add ${BEHIND} via ${far} dev uplink${index} metric ${10 + index}`,
    );
  }
  await server.ip('link set lo up', `address add ${SERVER}/32 dev lo`);
  await gate.run('sh', ['-ec', ROUTER]);
  await server.run('sh', [
    '-ec',
    'for link in net0 net1; do echo 1 > /proc/sys/net/ipv4/conf/$link/ignore_routes_with_linkdown; done',
  ]);
  return server;
}

/** Carries out on the far end what `multihomectl far-end` prints for it. */
export async function applyFarEnd(lab: Lab, gate: LabHost): Promise<string> {
  const { stdout } = await gate.ctl(
    ...['far-end', gate.name, '--config', lab.configurationFile, '--format', 'iproute2'],
    ...['--interface', 'a=eth0', '--interface', 'b=eth1'],
  );
  await gate.run('sh', ['-ec', stdout]);
  return stdout;
}
