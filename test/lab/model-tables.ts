import { formatIpv4 } from '../../agent/wire/address';
import type { KernelRoute, LabHost } from '../../deploy/lab/host';
import type { Host } from '../sim/host';
import { loopbackAddresses, ownRoutes } from './promise-kernel';

/** RT_SCOPE_LINK and RT_SCOPE_UNIVERSE (linux/rtnetlink.h), as ip(8) prints them as numbers. */
const LINK = '253';
const UNIVERSE = '0';

/** The routes and aliases of the agent that the model of a host holds, a line each. */
export function modelTable({ kernel }: Host): string[] {
  const { routes, aliases } = kernel.readTable();
  const lines = routes.map(({ destination, type, device, metric }) => {
    const name = type === 'unicast' ? kernel.deviceOf(device)?.name : undefined;
    return routeLine(
      formatIpv4(destination.address),
      type,
      name,
      metric,
      type === 'unicast' ? LINK : UNIVERSE,
    );
  });
  return [...lines, ...aliases.map(({ address }) => `alias ${formatIpv4(address)}`)].sort();
}

/** Those that a host of the lab holds. */
export async function labTable(host: LabHost): Promise<string[]> {
  const [routes, addresses] = await Promise.all([ownRoutes(host), loopbackAddresses(host)]);
  const lines = routes.map((route) => {
    const { dst, dev, metric, scope = UNIVERSE } = route;
    const type = typeOf(route);
    return routeLine(dst, type, type === 'unicast' ? dev : undefined, metric ?? 0, String(scope));
  });
  const aliases = addresses.filter((address) => address.endsWith('lo:mh0'));
  return [...lines, ...aliases.map((address) => `alias ${address.split('/')[0]}`)].sort();
}

/** RTN_UNICAST and RTN_UNREACHABLE (linux/rtnetlink.h) are printed by name, and the first not at all. */
function typeOf({ type }: KernelRoute): string {
  return type === undefined || type === '1' ? 'unicast' : type === '7' ? 'unreachable' : type;
}

function routeLine(
  to: string,
  type: string,
  device: string | undefined,
  metric: number,
  scope: string,
): string {
  return `${type} ${to} dev ${device ?? 'none'} metric ${metric} scope ${scope}`;
}
