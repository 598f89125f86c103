import { type ChildProcessByStdio, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import type { LabHost } from '../../deploy/lab/host';
import type { Lab } from '../../deploy/lab/lab';

/**
 * Two TAP devices in two network namespaces, and a cable between them. Lines on standard input: `0` takes the carrier from the first device,
 * `1` gives it back.
 */
const CABLE = `
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
static int tap(const char *pid, const char *name) {
  char path[64];
  struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
  snprintf(path, sizeof(path), "/proc/%s/ns/net", pid);
  int space = open(path, O_RDONLY);
  if (space < 0 || setns(space, CLONE_NEWNET) != 0) err(1, "%s", path);
  close(space);
  int fd = open("/dev/net/tun", O_RDWR);
  strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  if (fd < 0 || ioctl(fd, TUNSETIFF, &request) != 0) err(1, "%s", name);
  return fd;
}
int main(int count, char **words) {
  char frame[65536];
  int plugged = 1;
  if (count != 4) return 64;
  struct pollfd ends[] = {{tap(words[1], words[3]), POLLIN, 0}, {tap(words[2], words[3]), POLLIN, 0}, {0, POLLIN, 0}};
  puts("ready");
  fflush(stdout);
  while (poll(ends, 3, -1) > 0) {
    if (ends[2].revents) {
      if (read(0, frame, 2) != 2) return 0;
      plugged = frame[0] == '1';
      if (ioctl(ends[0].fd, TUNSETCARRIER, &plugged) != 0) err(1, "carrier");
    }
    for (int end = 0; end < 2; end++) {
      if (!ends[end].revents) continue;
      ssize_t length = read(ends[end].fd, frame, sizeof(frame));
      if (length > 0 && plugged && write(ends[!end].fd, frame, length) < 0) continue;
    }
  }
  return 1;
}
`;

/** Compiles the cable. */
export function buildCable(directory: string): string {
  const program = join(directory, 'tap-cable');
  execFileSync('gcc', ['-x', 'c', '-O1', '-Wall', '-o', program, '-'], { input: CABLE });
  return program;
}

/** TAP devices in the place of two hosts' cards on a plane: whose carrier the kernel reports late, as that of most real cards. */
export class TapCable {
  private constructor(private readonly child: ChildProcessByStdio<Writable, Readable, null>) {}

  /** @param program as {@link buildCable} made it */
  static async plug(
    lab: Lab,
    program: string,
    hosts: readonly [string, string],
    plane: string,
  ): Promise<TapCable> {
    const [one, other] = hosts.map((name) => lab.host(name)) as [LabHost, LabHost];
    await Promise.all(hosts.map((host) => lab.removeCard(host, plane)));
    const { device } = one.link(plane);
    const child = spawn(program, [`${one.pid}`, `${other.pid}`, device], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    for (const host of [one, other]) {
      await host.ip(`link set dev ${device} address ${host.link(plane).mac}`);
      await host.configureLinks([plane]);
    }
    return new TapCable(child);
  }

  /** Takes the carrier from the first host's card. */
  pull(): void {
    this.child.stdin.write('0\n');
  }

  putBack(): void {
    this.child.stdin.write('1\n');
  }

  /** Takes both devices away. */
  async remove(): Promise<void> {
    const gone = once(this.child, 'close');
    this.child.stdin.end();
    await gone;
  }
}
