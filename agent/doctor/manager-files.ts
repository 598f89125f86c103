/** Reads how the other managers of the network are set. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { InterfaceFact, NetworkdFact, NetworkManagerFact } from './evidence';
import { Unknown } from './evidence';
import { namesIn, textOf } from './proc';
import { factsFrom } from './programs';

/** Where systemd looks for configuration, what counts most first (systemd.unit(5), systemd.network(5)). */
const SYSTEMD = ['/etc/systemd', '/run/systemd', '/usr/local/lib/systemd', '/usr/lib/systemd'];

/** Runtime state of systemd-networkd, a file for each interface by its index. */
const NETIF = '/run/systemd/netif/links';

export function readNetworkd(interfaces: readonly InterfaceFact[]): NetworkdFact {
  const configured = interfaces.filter(({ ifindex }) =>
    /^NETWORK_FILE=./m.test(textOf(join(NETIF, String(ifindex))) ?? ''),
  );
  return { configures: configured.map(({ name }) => name), foreignRoutes: foreignRoutesIn(networkdTexts()) };
}

/** The texts of networkd.conf and its drop-ins, in the order in which they count: later ones over earlier ones. */
function networkdTexts(): string[] {
  const main = SYSTEMD.map((directory) => textOf(join(directory, 'networkd.conf'))).find(
    (text) => text !== undefined,
  );
  const dropIns = new Map<string, string>();
  for (const directory of [...SYSTEMD].reverse().map((one) => join(one, 'networkd.conf.d')))
    for (const name of namesIn(directory).filter((one) => one.endsWith('.conf')))
      dropIns.set(name, textOf(join(directory, name)) ?? '');
  const sorted = [...dropIns].sort(([one], [other]) => (one < other ? -1 : 1));
  return [main ?? '', ...sorted.map(([, text]) => text)];
}

/** ManageForeignRoutes= of the section [Network]; yes where nothing says otherwise (networkd.conf(5)). */
export function foreignRoutesIn(texts: readonly string[]): boolean {
  let manages = true;
  for (const text of texts) {
    let section = '';
    for (const line of text.split('\n')) {
      section = /^\s*\[(.*)\]\s*$/.exec(line)?.[1] ?? section;
      const value = /^\s*ManageForeignRoutes\s*=\s*(\S*)/.exec(line)?.[1];
      if (value !== undefined && section === 'Network') manages = !/^(0|no|n|false|f|off)$/i.test(value);
    }
  }
  return manages;
}

export async function readNetworkManager(): Promise<NetworkManagerFact | Unknown> {
  const facts = await factsFrom('nmcli', ['-t', '-f', 'DEVICE,STATE', 'device'], parseNmcli);
  const runs = existsSync('/run/NetworkManager');
  return facts instanceof Unknown && !runs ? { manages: [] } : facts;
}

/** What nmcli(1) prints in its terse form. Of a device that is connected "externally" it only knows. */
export function parseNmcli(output: string): NetworkManagerFact {
  const manages = output.split('\n').flatMap((line) => {
    const [, name, state] = /^((?:[^:\\]|\\.)+):(.*)$/.exec(line) ?? [];
    if (name === undefined || state === 'unmanaged' || state!.includes('(externally)')) return [];
    return [name.replace(/\\(.)/g, '$1')];
  });
  return { manages };
}
