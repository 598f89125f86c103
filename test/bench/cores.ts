import { spawnSync } from 'node:child_process';
import { cpus } from 'node:os';

/**
 * Keeps a process on the last core, or on the others: who plays a thousand other machines must not take the time of the one that is
 * measured, which the scheduler would wake beside it. A machine with one core, or one that refuses it, leaves that to its scheduler.
 */
export function useCores(pid: number, which: 'last' | 'others'): void {
  const last = cpus().length - 1;
  if (last > 0) {
    const cores = which === 'last' ? `${last}` : `0-${last - 1}`;
    spawnSync('taskset', ['--all-tasks', '--cpu-list', '--pid', cores, `${pid}`]);
  }
}
