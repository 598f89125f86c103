import { constants } from 'node:os';

/** Names that share a number with another: the one that Linux's own manual pages use. */
const PREFERRED = ['EAGAIN', 'EOPNOTSUPP'] as const;

/** Numbers that Node's table lacks and that netlink or a socket can return (asm-generic/errno.h). */
const LINUX_ONLY: readonly (readonly [number, string])[] = [
  [64, 'ENONET'],
  [65, 'ENOPKG'],
  [94, 'ESOCKTNOSUPPORT'],
  [96, 'EPFNOSUPPORT'],
  [108, 'ESHUTDOWN'],
  [112, 'EHOSTDOWN'],
];

const names = new Map<number, string>([
  ...LINUX_ONLY,
  ...Object.entries(constants.errno).map(([name, number]) => [number, name] as const),
  ...PREFERRED.map((name) => [constants.errno[name], name] as const),
]);

/** The name of a positive errno, such as `ENOBUFS`; `E` and the number where it has none here. */
export function errnoName(errno: number): string {
  return names.get(errno) ?? `E${errno}`;
}

/** A system call that failed. */
export class SystemError extends Error {
  override readonly name = 'SystemError';
  /** name of the errno, such as `ENOBUFS` */
  readonly code: string;
  /** positive */
  readonly errno: number;
  /** what was being done, such as `sendmmsg` */
  readonly syscall: string;
  /** name of the interface that it was done on */
  declare readonly interface?: string;

  /** @param errno positive */
  constructor(errno: number, syscall: string, onInterface?: string) {
    const code = errnoName(errno);
    super(onInterface === undefined ? `${syscall}: ${code}` : `${syscall} on ${onInterface}: ${code}`);
    this.code = code;
    this.errno = errno;
    this.syscall = syscall;
    if (onInterface !== undefined) this.interface = onInterface;
  }
}
