/** Gains of the estimate (RFC 6298, 2.3). */
const ALPHA = 1 / 8;
const BETA = 1 / 4;
const VARIANCES = 4;
/** The least that is added to the smoothed round trip, in ms: what the timers of both ends add (RFC 6298, 2.3: G). */
const GRANULARITY = 1;

/** The round trip of one path, estimated as TCP does (RFC 6298). In ms. */
export class RoundTrip {
  /** smoothed; undefined before the first measurement */
  smoothed: number | undefined;
  private variance = 0;

  measure(sample: number): void {
    if (this.smoothed === undefined) {
      this.smoothed = sample;
      this.variance = sample / 2;
      return;
    }
    this.variance += BETA * (Math.abs(this.smoothed - sample) - this.variance);
    this.smoothed += ALPHA * (sample - this.smoothed);
  }

  /** How long to wait for an answer, but at least `floor`; undefined before the first measurement. */
  timeout(floor: number): number | undefined {
    if (this.smoothed === undefined) return undefined;
    return Math.max(floor, this.smoothed + Math.max(GRANULARITY, VARIANCES * this.variance));
  }
}
