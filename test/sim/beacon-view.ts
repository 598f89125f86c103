/** Sequence numbers of the last beacons by one plane: urgent ones overtake the others. */
interface Sequences {
  urgent: number;
  steady: number;
}

/** That a host has no use of its link on a plane any more. */
interface Withdrawal {
  /** when the beacon arrived that said so */
  readonly at: number;
  /** from when on it must be known */
  readonly by: number;
}

/** What a host can know of another by the beacons that reached its cards, since its agent started. */
export interface View {
  /** by plane: when the last one that should be believed arrived */
  readonly arrivedAt: number[];
  /** when the last one arrived that was surely read */
  readAt: number;
  /** by plane: of those of the newest epoch */
  readonly sequences: readonly Sequences[];
  /** of the newest of these, and its sequence number */
  epoch: number;
  sequence: number;
  /** of the newest one that came while its epoch was too old to be believed */
  refused: { readonly epoch: number; readonly sequence: number } | undefined;
  /** by plane: that the link there is not to be used; undefined where it may be used */
  readonly withdrawals: (Withdrawal | undefined)[];
  /** the epoch that the agent told to believe, and when; undefined before the first */
  believed: number | undefined;
  believedAt: number;
  /** when the agent last told that no beacon comes any more; undefined while some do */
  lostAt: number | undefined;
}

/** The view of a host that has heard nothing of another yet. */
export function newView(planes: number): View {
  const each = <T>(make: () => T) => Array.from({ length: planes }, make);
  return {
    arrivedAt: each(() => Number.NEGATIVE_INFINITY),
    readAt: Number.NEGATIVE_INFINITY,
    sequences: each(() => ({ urgent: -1, steady: -1 })),
    epoch: 0,
    sequence: -1,
    refused: undefined,
    withdrawals: each(() => undefined),
    believed: undefined,
    believedAt: Number.NEGATIVE_INFINITY,
    lostAt: undefined,
  };
}
