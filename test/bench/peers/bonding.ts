import { spawnSync } from 'node:child_process';
import { LabError } from '../../../deploy/lab/wait';
import type { System } from './system';

const TRIAL = 'trial0';

/** Linux bonding, active-backup: named so that the report says why it is missing where it is. */
export const bonding: System = {
  name: 'bonding',
  title: 'Linux bonding, active-backup',
  async unavailable() {
    // Loads the module where there is one. The sandbox has a network of its own.
    const { status, stderr } = spawnSync('ip', ['link', 'add', 'name', TRIAL, 'type', 'bond'], {
      encoding: 'utf8',
    });
    if (status !== 0) {
      return `not in this kernel (${stderr.trim()})`;
    }
    spawnSync('ip', ['link', 'delete', 'dev', TRIAL]);
    return 'it needs the planes joined, which this lab keeps apart';
  },
  start: () => Promise.reject(new LabError('bonding cannot run in this lab')),
};
