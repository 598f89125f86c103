import type { Route } from '../../agent/core/routing';

/** The same text for the same route, every attribute included. */
export function routeIdentity(route: Route): string {
  const { destination, type, device, gateway, source, metric, table, protocol } = route;
  const { rtoMin, quickack, initcwnd, congctl, mtu, others } = route;
  const place = [
    destination.address,
    destination.length,
    type,
    device,
    gateway,
    source,
    metric,
    table,
    protocol,
  ];
  return `${place.join(' ')} ${rtoMin} ${quickack} ${initcwnd} ${congctl} ${mtu} ${JSON.stringify(others)}`;
}
