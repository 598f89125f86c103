import type { Note } from './event';
import type { KernelStep } from './routing';

/** Tells that somebody else removed or changed what is ours, and that these steps put it back. */
export function repairNote(steps: readonly KernelStep[]): Note {
  const kinds = new Set(steps.map(({ operation }) => operation.replace(/^[a-z]+-/, '')));
  return { event: 'repaired', level: 'warn', fields: { steps: steps.length, kinds: [...kinds].sort() } };
}
