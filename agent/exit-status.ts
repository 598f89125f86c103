/** Exit statuses of both commands, by their names in sysexits.h(3). */
export const EXIT = {
  /** done */
  ok: 0,
  /** `multihomectl doctor` found something; sysexits.h has no name for it */
  found: 1,
  /** EX_USAGE: the command line is wrong */
  usage: 64,
  /** EX_DATAERR: an argument names something that does not exist, such as a peer */
  data: 65,
  /** EX_NOINPUT: a file named on the command line cannot be read */
  noInput: 66,
  /** EX_UNAVAILABLE: the daemon is not running, or does not answer */
  unavailable: 69,
  /** EX_SOFTWARE: an error of our own */
  software: 70,
  /** EX_IOERR: writing or reading failed */
  io: 74,
  /** EX_TEMPFAIL: not yet; the same command may succeed later */
  temporary: 75,
  /** EX_NOPERM: permission is missing */
  noPermission: 77,
  /** EX_CONFIG: the configuration file has errors */
  configuration: 78,
} as const;

export type ExitStatus = (typeof EXIT)[keyof typeof EXIT];
