import { errnoName } from '../../native-bindings/system-error';

/** What to do about a refused kernel operation. */
export type Disposition =
  /** what we wanted is so already */
  | 'ignore'
  /** a state that passes: read the kernel again and plan anew */
  | 'retry'
  /** nothing that we do later can help */
  | 'stop';

/** The kernel refused something. */
export class KernelError extends Error {
  override readonly name = 'KernelError';

  constructor(
    /** positive */
    readonly errno: number,
    /** what was being done, such as `adding the route to 10.78.0.2 by eth0` */
    readonly doing: string,
    /** what the kernel said beside the number (NLMSGERR_ATTR_MSG) */
    readonly detail: string | undefined,
  ) {
    super(`${doing}: ${errnoName(errno)}${detail === undefined ? '' : ` (${detail})`}`);
  }

  /** errno name, such as `EEXIST` */
  get code(): string {
    return errnoName(this.errno);
  }
}

/** What is gone already need not be removed. */
const GONE: ReadonlySet<string> = new Set(['ESRCH', 'ENOENT', 'ENODEV', 'EADDRNOTAVAIL', 'ENXIO']);
const FORBIDDEN: ReadonlySet<string> = new Set(['EPERM', 'EACCES']);

/**
 * The one place where refusals are sorted. `removing` says that the operation takes something away. A missing permission ends the
 * daemon; everything else is a state of the machine that passes, and the next plan takes it in.
 */
export function dispositionOf(code: string, removing: boolean): Disposition {
  if (FORBIDDEN.has(code)) return 'stop';
  return removing && GONE.has(code) ? 'ignore' : 'retry';
}
