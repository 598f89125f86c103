import type { DrillOptions } from './drill';
import { runMass, SCALE_FAULTS } from './mass';
import type { KindReport } from './result';
import { CARD_SCALES, runCardScale } from './scale-card';
import { runStartScale } from './scale-start';
import { runSteadyScale, STEADY_SCALES } from './scale-steady';

type ScaleKind = readonly [name: string, run: (options: DrillOptions) => Promise<KindReport>];

/** One real agent against a thousand simulated far ends. */
export const SCALE_KINDS: readonly ScaleKind[] = [
  ['scale-start', runStartScale],
  ...STEADY_SCALES.map((scale): ScaleKind => [scale.kind, (options) => runSteadyScale(scale, options)]),
  ...SCALE_FAULTS.map((fault): ScaleKind => [fault.kind, (options) => runMass(fault, options)]),
  ...CARD_SCALES.map((scale): ScaleKind => [scale.kind, (options) => runCardScale(scale, options)]),
];
