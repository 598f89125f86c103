import { KeyFile } from './beacon-cluster';
import { type Change, proveEach, withBeacons } from './machine-tools';

/** Links change under the agent: nothing is lost that a card needn't lose, one event names it, and no CPU turns in circles. */
jest.setTimeout(120_000);

/** From the loss of a card to the routes without it; the far end is told by its announcements, or finds out by silence. */
const DETECTION = 65;

const OTHER_MAC = '02:00:00:00:ff:01';

const CHANGES: readonly Change[] = [
  {
    name: 'link renamed',
    inflict: ({ alpha }) => alpha.ip('link set dev eth0 name other0'),
    event: { event: 'link-gone', link: 'eth0' },
    bound: 0,
    mend: ({ alpha }) => alpha.ip('link set dev other0 name eth0'),
  },
  {
    name: 'card removed, and inserted with another ifindex',
    inflict: ({ lab }) => lab.removeCard('alpha', 'a'),
    event: { event: 'link-gone', link: 'eth0' },
    bound: DETECTION,
    mend: ({ lab }) => lab.insertCard('alpha', 'a'),
  },
  {
    name: 'own MAC changed',
    inflict: ({ lab }) => lab.changeMac('alpha', 'a', OTHER_MAC),
    event: { event: 'link-mac-changed', link: 'eth0', mac: OTHER_MAC },
    bound: DETECTION,
    mend: ({ lab }) => lab.changeMac('alpha', 'a', '02:00:00:00:00:01'),
    mendBound: DETECTION,
  },
  {
    name: "far end's MAC changed",
    inflict: ({ lab }) => lab.changeMac('beta', 'a', OTHER_MAC),
    event: { event: 'peer-mac-changed', peer: 'beta', plane: 'a', link: 'eth0', mac: OTHER_MAC },
    bound: DETECTION,
    mend: ({ lab }) => lab.changeMac('beta', 'a', '02:00:00:00:00:02'),
    mendBound: DETECTION,
  },
  {
    name: 'link moved into a bridge',
    inflict: ({ alpha }) =>
      alpha.ip('link add br0 type bridge', 'link set dev br0 up', 'link set dev eth0 master br0'),
    event: { event: 'link-enslaved', link: 'eth0', master: 'br0' },
    bound: DETECTION,
    mend: ({ alpha }) => alpha.ip('link set dev eth0 nomaster', 'link delete dev br0'),
  },
  {
    name: 'MTU changed',
    inflict: ({ alpha }) => alpha.ip('link set dev eth0 mtu 1400'),
    event: { event: 'link-mtu-changed', link: 'eth0', mtu: 1400 },
    bound: 0,
    mend: ({ alpha }) => alpha.ip('link set dev eth0 mtu 1500'),
  },
  {
    name: 'link set down, and up',
    inflict: ({ lab }) => lab.downLink('alpha', 'a'),
    event: { event: 'link-down', link: 'eth0' },
    bound: DETECTION,
    mend: ({ lab }) => lab.upLink('alpha', 'a'),
  },
  {
    name: 'card replaced while the agent is stopped',
    inflict: async (cluster) => {
      await cluster.kill('alpha', 'SIGTERM');
      await cluster.lab.removeCard('alpha', 'a');
      await cluster.lab.insertCard('alpha', 'a');
      await cluster.start('alpha');
    },
    event: { event: 'link-replaced', link: 'eth0' },
    bound: DETECTION,
    restarts: true,
  },
];

proveEach(CHANGES);

// Another 20 s, which only `make drill-machine` takes.
if (process.env.MACHINE_REPORT !== undefined)
  describe('with beacons', () => {
    const key = new KeyFile(1);
    afterAll(() => key.remove());
    const changes = CHANGES.map((change) => ({ ...change, name: `${change.name}, beacons` }));
    proveEach(changes, { configuration: withBeacons(key) });
  });
