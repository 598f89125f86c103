import type { Lab } from '../../deploy/lab/lab';

/** The first plane's metric; each further plane's is 10 higher, as the agent's. */
const METRIC = 100;

/** Writes settings of IPv4 interfaces, given as pairs of path and value. */
const SET = 'cd /proc/sys/net/ipv4/conf; while [ $# -gt 0 ]; do echo "$2" > "$1"; shift 2; done';

/**
 * Gives every host what the agent would: its alias on `lo`, and toward each other host's alias one route for each card,
 * of which the kernel leaves out those without carrier. Nothing watches the far ends.
 */
export async function setStaticRoutes(lab: Lab): Promise<void> {
  await Promise.all(
    lab.hosts().map(async (host) => {
      await host.ip(`address add ${host.alias}/32 dev lo`);
      const { links } = host.plan;
      const settings = links.flatMap(({ device, address }) => [
        `${device}/ignore_routes_with_linkdown`,
        '1',
        // On a link without an address even the loose filter takes only what the main route would send there.
        ...(address === undefined ? [`${device}/rp_filter`, '0'] : []),
      ]);
      await host.run('sh', ['-ec', SET, 'set', ...settings]);
      const peers = lab.hosts().filter((peer) => peer !== host);
      await host.ip(
        ...peers.flatMap((peer) =>
          links.map(
            (link, index) =>
              `route add ${peer.alias}/32 dev ${link.device} scope link src ${host.alias} proto 77 metric ${METRIC + 10 * index} rto_min 5ms`,
          ),
        ),
      );
    }),
  );
}
