import { existsSync } from 'node:fs';
import { LabError } from '../../../deploy/lab/wait';
import type { System } from './system';

/** Linux bonding, active-backup: named so that the report says why it is missing where it is. */
export const bonding: System = {
  name: 'bonding',
  title: 'Linux bonding, active-backup',
  unavailable: () =>
    Promise.resolve(
      existsSync('/sys/class/net/bonding_masters')
        ? 'it needs the planes joined, which this lab keeps apart'
        : 'the kernel has no bonding (or its module is not loaded), and it needs the planes joined',
    ),
  start: () => Promise.reject(new LabError('bonding cannot run in this lab')),
};
