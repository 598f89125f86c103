import { formatIpv4, formatPrefix } from '../wire/address';
import type { Note } from './event';
import type { KernelStep } from './routing';

/** So many things that were put back are named; the number of steps tells how many there were. */
const MOST_NAMED = 4;

/**
 * Tells that somebody else removed or changed what is ours, and that these steps put it back; `nameOf` is the name of an interface by its
 * ifindex.
 */
export function repairNote(steps: readonly KernelStep[], nameOf: (ifindex: number) => string): Note {
  const kinds = new Set(steps.map(({ operation }) => operation.replace(/^[a-z]+-/, '')));
  const of = firstNamed(subjectsOf(steps, nameOf));
  return { event: 'repaired', level: 'warn', fields: { steps: steps.length, kinds: [...kinds].sort(), of } };
}

/** The first few of these, each once. */
export function firstNamed(subjects: Iterable<string>): string[] {
  const named = new Set<string>();
  for (const subject of subjects) {
    named.add(subject);
    if (named.size === MOST_NAMED) break;
  }
  return [...named];
}

function* subjectsOf(steps: readonly KernelStep[], nameOf: (ifindex: number) => string): Generator<string> {
  for (const step of steps) yield subjectOf(step, nameOf);
}

/** What a step is about, in the words of `ip`. */
function subjectOf(step: KernelStep, nameOf: (ifindex: number) => string): string {
  switch (step.operation) {
    case 'add-alias':
    case 'remove-alias':
      return `alias ${formatIpv4(step.address)}`;
    case 'set-neighbor':
    case 'remove-neighbor':
      return `neighbor ${formatIpv4(step.neighbor.address)} dev ${nameOf(step.neighbor.device)}`;
    case 'add-route':
    case 'remove-route': {
      const { destination, type, gateway, device } = step.route;
      const prefix = formatPrefix(destination);
      if (type === 'unreachable') return `unreachable ${prefix}`;
      const via = gateway === undefined ? '' : ` via ${formatIpv4(gateway)}`;
      return `${prefix}${via} dev ${nameOf(device)}`;
    }
    case 'change-setting':
    case 'restore-setting':
      return `${step.link} ${step.setting}`;
  }
}
