import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type LabHost, ROOT } from '../../../deploy/lab/host';
import type { Lab } from '../../../deploy/lab/lab';
import { commandsOf, fillTemplate, type Values } from './template';

const CONFIG = join(ROOT, 'test', 'bench', 'peers', 'config');
/** The planes that the files in `config` are written for. */
const PLANES = ['a', 'b'] as const;

/** @returns the values of the placeholders about a host */
function valuesOf(host: LabHost): Values {
  return { host: host.name, alias: host.alias };
}

/** @returns the values of the placeholders about a peer */
function peerValuesOf(peer: LabHost): Values {
  const links = PLANES.map((plane) => peer.link(plane));
  return {
    peer: peer.alias,
    ...Object.fromEntries(links.map(({ plane, mac }) => [`peer-mac-${plane}`, mac])),
    ...Object.fromEntries(links.map(({ plane, address }) => [`peer-address-${plane}`, address ?? ''])),
  };
}

function peersOf(lab: Lab, host: LabHost): LabHost[] {
  return lab.hosts().filter((peer) => peer !== host);
}

/**
 * @param name of a file in the directory `config`
 * @param values of placeholders beside those about the host and its peers
 * @returns the file as the host gets it
 */
export async function configurationOf(
  lab: Lab,
  host: LabHost,
  name: string,
  values: Values = {},
): Promise<string> {
  const text = await readFile(join(CONFIG, name), 'utf8');
  return fillTemplate(text, { ...valuesOf(host), ...values }, peersOf(lab, host).map(peerValuesOf));
}

/** Gives every host its settings, its identity and its static routes. */
export async function layStaticRoutes(lab: Lab): Promise<void> {
  await Promise.all(
    lab.hosts().map(async (host) => {
      const settings = await configurationOf(lab, host, 'sysctl.conf');
      await host.run('sysctl', ['--quiet', '--load=-'], { input: settings });
      await host.ip(...commandsOf(await configurationOf(lab, host, 'static.ip')));
    }),
  );
}

/**
 * @param protocol number of the routing protocol whose routes are to stand; any where it is undefined
 * @returns whether packets between any two hosts use the preferred plane, as the kernels would send them now
 */
export async function allUseFirstPlane(lab: Lab, protocol?: string): Promise<boolean> {
  const used = await Promise.all(
    lab.hosts().map(async (host) => {
      const routes = await host.routes();
      return peersOf(lab, host).map(({ alias }) => {
        const best = routes
          .filter(({ dst, flags }) => dst === alias && !flags.includes('linkdown'))
          .sort((one, other) => (one.metric ?? 0) - (other.metric ?? 0))[0];
        return (
          best !== undefined &&
          host.planeOf(best.dev ?? '') === PLANES[0] &&
          (protocol === undefined || best.protocol === protocol)
        );
      });
    }),
  );
  return used.flat().every(Boolean);
}
