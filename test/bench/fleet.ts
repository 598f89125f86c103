import { Fleet, type FleetOptions } from '../sim/fleet';
import type { DrillOptions } from './drill';
import { type KindReport, type Metric, measured, type Sample } from './result';

/** How many hosts; a thousand only where it is asked for by name. */
export const FLEET_SIZES = [10, 50, 200, 1000] as const;

/** Beacons each 100 ms, or ARP alone at the default interval. */
const WAYS: readonly Omit<FleetOptions, 'hosts'>[] = [
  { interval: 50, beacons: 100 },
  { interval: 50, beacons: undefined },
];
/** Until all paths are up, in ms; and a second as it is measured. */
const START = 2500;
const SECOND = 1000;

const nameOf = ({ beacons }: Omit<FleetOptions, 'hosts'>) =>
  beacons === undefined ? 'ARP alone' : 'beacons';
const WINDOWS = ['steady', 'second in which a switch dies'] as const;
const UNITS = [
  ['frames sent', 'framesSent'],
  ['KiB sent', 'bytesSent'],
  ['frames received', 'framesReceived'],
  ['KiB received', 'bytesReceived'],
] as const;

function metricsOf(window: string, way: string): Metric[] {
  return UNITS.map(([title]) => ({ name: `${way}, ${window}: ${title}`, unit: '1/s' }));
}

function sampleOf(fleet: Fleet, window: string, way: string): Sample {
  const traffic = fleet.meanTraffic;
  return Object.fromEntries(
    UNITS.map(([title, key]) => [
      `${way}, ${window}: ${title}`,
      key.startsWith('bytes') ? traffic[key] / 1024 : traffic[key],
    ]),
  );
}

/** What one host of many sends and receives, by whole cores on a virtual clock. */
export async function runFleet(hosts: number, _options: DrillOptions): Promise<KindReport> {
  const samples = WAYS.map((way) => {
    const fleet = new Fleet({ hosts, ...way });
    fleet.startAll();
    fleet.run(START);
    fleet.forget();
    fleet.run(fleet.now + SECOND);
    const steady = sampleOf(fleet, WINDOWS[0], nameOf(way));
    fleet.forget();
    fleet.setPlane(0, false);
    fleet.run(fleet.now + SECOND);
    return { ...steady, ...sampleOf(fleet, WINDOWS[1], nameOf(way)) };
  });
  const metrics = WAYS.flatMap((way) => WINDOWS.flatMap((window) => metricsOf(window, nameOf(way))));
  return {
    kind: `fleet-${hosts}`,
    title: `${hosts} whole cores on two planes and a virtual clock: the mean of one host`,
    circumstances: [
      'beacons each 100 ms, or ARP alone each 50 ms; the same in every run, so there is one sample',
    ],
    metrics: measured(metrics, [Object.assign({}, ...samples)]),
  };
}
