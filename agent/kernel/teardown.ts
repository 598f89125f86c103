import type { KernelStep, KernelTable } from '../core/routing';
import type { Topology } from '../core/topology';
import { formatIpv4, formatMac, formatPrefix, parseIpv4 } from '../wire/address';
import { Kernel } from './kernel';
import {
  type ChangedSetting,
  isDrainedBy,
  type RecordedSpace,
  type RecordKeeper,
  type RunRecord,
  readRecord,
  recordFile,
  removeRecord,
  writeRecord,
} from './record';

/** What was removed or given back, a line each. */
export interface TeardownReport {
  readonly removed: readonly string[];
}

/** There is no record of a run to take away. */
export class NothingRecorded extends Error {
  override readonly name = 'NothingRecorded';
}

/** Takes away what the daemon at a control socket left that no longer runs, by its record. Throws {@link NothingRecorded} and KernelError. */
export function teardownOffline(socket: string): TeardownReport {
  const stateFile = recordFile(socket);
  const record = readRecord(stateFile);
  if (record === undefined) {
    removeRecord(stateFile);
    throw new NothingRecorded(`${stateFile}: no record of a run; nothing of ours is known to stand`);
  }
  const swept = (record.unswept ?? []).flatMap((space) => within(record, space, sweep));
  const { removed } = within(record, record, (kernel) => teardown(kernel, record.settings, stateFile));
  return { removed: [...swept, ...removed] };
}

/**
 * Once the routes of this run stand: removes those of earlier ones, and their neighbor entries, where they had another table or protocol
 * number; how many. Throws KernelError.
 */
export function sweepFormer(records: RecordKeeper, topology: Topology): number {
  const { former } = records;
  if (former === undefined) return 0;
  const removed = records.formerSpaces(topology).flatMap((space) => within(former, space, sweep));
  records.swept();
  return removed.length;
}

/** Does something with what a recorded run had in a space. */
function within<T>(
  { aliases, settings }: RunRecord,
  { protocol, table }: RecordedSpace,
  action: (kernel: Kernel) => T,
): T {
  const formerAliases = aliases.flatMap((alias) => parseIpv4(alias) ?? []);
  const kernel = Kernel.open({ protocol, table, aliases: [], formerAliases }, () => undefined, settings);
  try {
    kernel.readLinks();
    return action(kernel);
  } finally {
    kernel.close();
  }
}

/** Removes our routes and neighbor entries; a line each. */
function sweep(kernel: Kernel): string[] {
  return remove(kernel, { ...kernel.readTable(), aliases: [] });
}

function remove(kernel: Kernel, table: KernelTable): string[] {
  const steps = removals(table);
  const refused = kernel.apply(steps)[0];
  if (refused !== undefined) throw refused.error;
  return steps.map((step) => describe(step, kernel));
}

function removals(table: KernelTable): KernelStep[] {
  const aliases = table.aliases.filter((alias) => alias.ours);
  return [
    ...table.routes.map((route): KernelStep => ({ operation: 'remove-route', route })),
    ...table.neighbors.map((neighbor): KernelStep => ({ operation: 'remove-neighbor', neighbor })),
    ...aliases.map(({ address }): KernelStep => ({ operation: 'remove-alias', address })),
  ];
}

/** Removes our routes, neighbor entries and aliases, gives the settings back, and forgets the record. Throws KernelError. */
export function teardown(
  kernel: Kernel,
  settings: readonly ChangedSetting[],
  stateFile: string,
): TeardownReport {
  kernel.readLinks();
  const removed = remove(kernel, kernel.readTable());
  const restored = kernel.restore(settings);
  removeRecord(stateFile);
  return { removed: [...removed, ...restored.map(describeSetting)] };
}

/**
 * Gives back what only a living agent may leave changed: the kernel answers ARP requests again, but on links that are drained at `wall`, in
 * ms since 1970. For after a crash.
 */
export function releaseOffline(socket: string, wall: number): TeardownReport {
  const stateFile = recordFile(socket);
  const record = readRecord(stateFile);
  if (record === undefined) return { removed: [] };
  const needed = record.settings.filter(
    ({ setting, link }) => setting === 'arp_ignore' && !isDrainedBy(record, link, wall),
  );
  const restored = within(record, record, (kernel) => kernel.restore(needed));
  const kept: RunRecord = {
    ...record,
    settings: record.settings.filter((change) => !needed.includes(change)),
  };
  if (needed.length > 0) writeRecord(stateFile, kept);
  return { removed: restored.map(describeSetting) };
}

function describe(step: KernelStep, kernel: Kernel): string {
  switch (step.operation) {
    case 'remove-route': {
      const { destination, type, device } = step.route;
      const target = formatPrefix(destination, true);
      return type === 'unicast'
        ? `route ${target} dev ${kernel.nameOf(device)}`
        : `route unreachable ${target}`;
    }
    case 'remove-neighbor': {
      const { address, device, mac } = step.neighbor;
      return `neighbor ${formatIpv4(address)} dev ${kernel.nameOf(device)} lladdr ${formatMac(mac)}`;
    }
    case 'remove-alias':
      return `address ${formatIpv4(step.address)}/32 dev lo`;
    default:
      return step.operation;
  }
}

function describeSetting({ link, setting, value, before }: ChangedSetting): string {
  return `setting ${setting} of ${link}: ${value} -> ${before}`;
}
