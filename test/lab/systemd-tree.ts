import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { ROOT } from '../../deploy/lab/host';
import { SANDBOX_FILES } from '../../deploy/lab/sandbox';
import { waitUntil } from '../../deploy/lab/wait';
import { PATIENCE } from './promise-cluster';

/** Where the units of the distribution lie. */
const UNITS = 'usr/lib/systemd/system';
/** Each start of a machine has a control group of that name and six letters. */
const GROUP = 'multihomed-lab-';
/** One that no process is in, older than so many ms, is left from a sandbox that was killed. */
const ABANDONED = 60_000;

/** All units that start by themselves but the journal, and what generates more, so that nothing of this machine's runs twice. */
const UNWANTED = ['etc/systemd/system', 'usr/lib/systemd/system-generators'];

/**
 * The file system of a machine: this one's, laid over by one in memory that takes all changes, with the project installed. Made in the
 * sandbox before the lab, whose hosts then see it too.
 */
export class SystemTree {
  /** its root directory */
  readonly root: string;
  /** the control group of what runs on it */
  readonly group: string;
  readonly #directory = mkdtempSync(join(SANDBOX_FILES, 'machine-'));
  readonly #groups = join(this.#directory, 'groups');

  constructor() {
    const [upper, work] = ['upper', 'work'].map((name) => this.#make(name));
    this.root = this.#make('root');
    mkdirSync(this.#groups);
    mount('overlay', this.root, `lowerdir=/,upperdir=${upper},workdir=${work}`);
    mount('cgroup2', this.#groups);
    this.#quieten();
    this.#removeAbandoned();
    this.group = mkdtempSync(join(this.#groups, GROUP));
  }

  #make(name: string): string {
    const path = join(this.#directory, name);
    mkdirSync(path);
    return path;
  }

  #quieten(): void {
    const wants = readdirSync(join(this.root, UNITS)).filter((name) => name.endsWith('.wants'));
    for (const path of [...UNWANTED, ...wants.map((name) => join(UNITS, name))])
      rmSync(join(this.root, path), { recursive: true, force: true });
    const wanted = join(this.root, 'etc/systemd/system/sysinit.target.wants');
    mkdirSync(wanted, { recursive: true });
    symlinkSync(`/${UNITS}/systemd-journald.service`, join(wanted, 'systemd-journald.service'));
    // As hard as 5 in 10 s on a machine that is quick, however slow this one is.
    const limit = 'DefaultStartLimitIntervalSec=1h\nDefaultStartLimitBurst=2';
    this.write('/etc/systemd/system.conf.d/lab.conf', `[Manager]\n${limit}\n`);
    this.write('/etc/systemd/journald.conf.d/lab.conf', '[Journal]\nStorage=volatile\n');
  }

  /** As the documents say; every default stands, but for those that are given as `NAME=value`. */
  install(...variables: readonly string[]): void {
    const command = ['--no-print-directory', 'install', `DESTDIR=${this.root}`, ...variables];
    execFileSync('make', command, { cwd: ROOT, stdio: 'pipe' });
  }

  /** @param path as on the machine */
  read(path: string): string {
    return readFileSync(join(this.root, path), 'utf8');
  }

  /** Writes a file, with the directories above it. */
  write(path: string, text: string, mode = 0o644): void {
    const file = join(this.root, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    chmodSync(file, mode);
  }

  /** Removes it, once nothing runs on it any more. */
  async remove(): Promise<void> {
    await waitUntil(() => removeGroup(this.group), PATIENCE, 'the end of all that runs on the tree', 20);
    execFileSync('umount', ['--lazy', this.root, this.#groups]);
    rmSync(this.#directory, { recursive: true });
  }

  #removeAbandoned(): void {
    for (const name of readdirSync(this.#groups).filter((each) => each.startsWith(GROUP))) {
      const path = join(this.#groups, name);
      const empty = /^populated 0$/m.test(readFileSync(join(path, 'cgroup.events'), 'utf8'));
      if (empty && Date.now() - statSync(path).mtimeMs > ABANDONED) removeGroup(path);
    }
  }
}

function mount(type: string, path: string, options = 'rw'): void {
  execFileSync('mount', ['-t', type, '-o', options, type, path], { stdio: 'pipe' });
}

/** Removes a control group and all below it. @returns false where a process is in one */
function removeGroup(path: string): boolean {
  const below = readdirSync(path, { withFileTypes: true }).filter((each) => each.isDirectory());
  try {
    for (const { name } of below) removeGroup(join(path, name));
    rmdirSync(path);
    return true;
  } catch {
    return false;
  }
}
