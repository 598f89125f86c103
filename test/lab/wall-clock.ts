import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Shifts the system's clock as a process sees it by the seconds in a file; the monotonic clock stays as it is. */
const SHIFTED = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
typedef int (*reader)(clockid_t, struct timespec *);
static long shift(void) {
  char text[32] = {0};
  int fd = open(getenv("SHIFT_FILE"), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  if (read(fd, text, sizeof(text) - 1) < 0) text[0] = 0;
  close(fd);
  return atol(text);
}
int clock_gettime(clockid_t clock, struct timespec *time) {
  static reader next;
  if (!next) next = (reader)dlsym(RTLD_NEXT, "clock_gettime");
  int result = next(clock, time);
  if (result == 0 && clock == CLOCK_REALTIME) time->tv_sec += shift();
  return result;
}
int gettimeofday(struct timeval *time, void *zone) {
  struct timespec now;
  (void)zone;
  if (clock_gettime(CLOCK_REALTIME, &now) != 0) return -1;
  time->tv_sec = now.tv_sec;
  time->tv_usec = now.tv_nsec / 1000;
  return 0;
}
`;

/** The system's clock of some processes, which is set without touching the machine's. */
export class WallClock {
  /** further environment of these processes */
  readonly env: Readonly<Record<string, string>>;
  readonly #file: string;

  /** @param directory of the test's own, which is removed by the test */
  constructor(directory: string) {
    const library = join(directory, 'wall-clock.so');
    const options = ['-x', 'c', '-shared', '-fPIC', '-Wall', '-o', library, '-', '-ldl'];
    execFileSync('gcc', options, { input: SHIFTED });
    this.#file = join(directory, 'wall-clock');
    this.env = { LD_PRELOAD: library, SHIFT_FILE: this.#file };
    this.shift(0);
  }

  /** Sets it so many hours ahead, or back. */
  shift(hours: number): void {
    writeFileSync(this.#file, `${hours * 3600}`);
  }
}
