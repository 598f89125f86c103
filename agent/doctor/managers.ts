import { check, finding } from './check';
import { quote } from './finding';

export const networkdCheck = check('systemd-networkd', ['networkd'], ({ networkd, topology }) => {
  const links = topology.links.map(({ name }) => name).filter((name) => networkd.configures.includes(name));
  if (!networkd.foreignRoutes || links.length === 0) return [];
  const what = `it configures ${links.join(', ')}, and ManageForeignRoutes= is yes`;
  const file = '/etc/systemd/networkd.conf.d/multihomed.conf';
  const command = `${dropIn(file, '[Network]', 'ManageForeignRoutes=no')} && systemctl restart systemd-networkd`;
  return [finding('networkd-routes', { severity: 'error', subject: 'systemd-networkd', what }, command)];
});

export const networkManagerCheck = check(
  'NetworkManager',
  ['networkManager'],
  ({ networkManager, topology }) => {
    const links = topology.links
      .map(({ name }) => name)
      .filter((name) => networkManager.manages.includes(name));
    const lo = networkManager.manages.includes('lo');
    // One file for both: whichever of the two commands is run, it says all.
    const devices = ['lo', ...links].map((name) => `interface-name:${name}`).join(';');
    const file = '/etc/NetworkManager/conf.d/multihomed.conf';
    const command = `${dropIn(file, '[keyfile]', `unmanaged-devices+=${devices}`)} && systemctl reload NetworkManager`;
    const words = `if something else gives ${links.join(', ')} an address, keep NetworkManager from it`;
    return [
      ...(lo
        ? [
            finding(
              'networkmanager-lo',
              { severity: 'error', subject: 'lo', what: 'NetworkManager manages it' },
              command,
            ),
          ]
        : []),
      ...links.map((link) => {
        const particulars = {
          severity: 'warning',
          subject: link,
          what: 'NetworkManager manages it',
        } as const;
        return finding('networkmanager-link', particulars, command, words);
      }),
    ];
  },
);

/** The command that writes a file of two lines, with the directory above it. */
function dropIn(file: string, section: string, line: string): string {
  const directory = file.slice(0, file.lastIndexOf('/'));
  return `mkdir -p ${directory} && printf '%s\\n' ${quote(section)} ${quote(line)} > ${file}`;
}
