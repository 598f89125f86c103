import { type Statistic, type Summary, summarize } from './statistics';

/** What a number should not exceed. */
export interface Goal {
  readonly statistic: Statistic;
  readonly limit: number;
}

export type Unit = 'ms' | '%' | 'MiB' | '1/s' | 'number';

/** One thing that is measured in every drill of a kind. */
export interface Metric {
  readonly name: string;
  readonly unit: Unit;
  readonly goals?: readonly Goal[];
}

/** A metric with what was measured. */
export interface Measured extends Metric, Summary {
  readonly samples: readonly number[];
  readonly goals: readonly (Goal & { readonly met: boolean })[];
}

/** What one kind of drill gave. */
export interface KindReport {
  readonly kind: string;
  readonly title: string;
  /** what the cluster file says beside the defaults, and what else belongs to the circumstances */
  readonly circumstances: readonly string[];
  readonly metrics: readonly Measured[];
}

/** The same, with how much of the machine others used in the seconds before and after, in percent of all cores. */
export interface TimedReport extends KindReport {
  readonly busyBefore: number;
  readonly busyAfter: number;
}

/** One number for each metric, by its name. */
export type Sample = Readonly<Record<string, number>>;

/** Sums up the samples of one kind of drill; a goal counts as missed where nothing was measured. */
export function measured(metrics: readonly Metric[], samples: readonly Sample[]): Measured[] {
  return metrics.map((metric) => {
    const values = samples.flatMap((sample) => sample[metric.name] ?? []);
    const summary = summarize(values);
    const goals = (metric.goals ?? []).map((goal) => ({
      ...goal,
      met: summary[goal.statistic] <= goal.limit,
    }));
    return { ...metric, ...summary, goals, samples: values.map((value) => Math.round(value * 1000) / 1000) };
  });
}
