import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

const ROOT = join(__dirname, '..', '..');
const AGENT = join(ROOT, 'agent');

const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');

/** What a module imports, types left out, and what it requires. */
function importsOf(file: string): string[] {
  const text = readFileSync(file, 'utf8').replace(/^(im|ex)port type [^;]*;/gm, '');
  return [...text.matchAll(/(?:from|import|require\()\s*\(?'([^']+)'/g)].map(([, module]) => module!);
}

/** Every module of ours that is loaded with one, and every other module that these load. */
function loadedWith(entry: string): {
  readonly ours: ReadonlySet<string>;
  readonly others: ReadonlySet<string>;
} {
  const ours = new Set<string>();
  const others = new Set<string>();
  const add = (file: string) => {
    if (ours.has(file)) return;
    ours.add(file);
    for (const module of importsOf(file)) {
      const path = `${join(dirname(file), module)}.ts`;
      if (module.startsWith('.') && existsSync(path)) add(path);
      else others.add(module.replace(/^node:/, ''));
    }
  };
  add(entry);
  return { ours, others };
}

describe('the daemon', () => {
  const { ours, others } = loadedWith(join(AGENT, 'main.ts'));

  test('is all there', () => {
    const names = [...ours].map((file) => relative(AGENT, file));
    expect(names).toEqual(
      expect.arrayContaining(['main.ts', 'daemon.ts', 'core/core.ts', 'control/connection.ts']),
    );
    expect(names.some((name) => name.startsWith('cli/') || name.startsWith('doctor/'))).toBe(false);
  });

  test('starts no process, no code from elsewhere, and listens on no network', () => {
    for (const module of [
      'child_process',
      'cluster',
      'worker_threads',
      'vm',
      'dgram',
      'http',
      'https',
      'inspector',
      'repl',
    ])
      expect(others).not.toContain(module);
  });
});

test('programs are run by doctor and by the capture of multihomectl alone, and no shell reads what they are told', () => {
  const sources = readdirSync(AGENT, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => `agent/${name}`);
  const running = sources.filter((file) =>
    importsOf(join(ROOT, file)).some((name) => name.endsWith('child_process')),
  );
  expect(running).toEqual(['agent/doctor/programs.ts']);
  expect(read('agent/doctor/programs.ts')).not.toMatch(/\bshell\b *:|(?<!\.)\bexec\(|execSync|spawn|'sh'/);
  // The capture is to leave no core file, which takes a shell, to which nothing is told but by arguments.
  expect(read('native-bindings/capture.ts').match(/'sh'|\bshell\b *:/g)).toEqual(["'sh'"]);
  expect(read('native-bindings/capture.ts')).toContain(`['-c', 'ulimit -c 0; exec "$@"', 'sh']`);
});

describe('the unit', () => {
  const unit = read('deploy/multihomed.service');
  const valuesOf = (name: string) =>
    [...unit.matchAll(new RegExp(`^${name}=(.*)$`, 'gm'))].map(([, value]) => value);

  test('runs it as a user of its own', () => {
    expect(valuesOf('User')).toEqual(['multihomed']);
    expect(valuesOf('Group')).toEqual(['multihomed']);
    // systemd-sysusers passes over a line whose description has a colon, and ends with 0 all the same.
    expect(read('deploy/multihomed.sysusers.conf')).toMatch(/^u multihomed - "[^":]+" /m);
  });

  test('leaves it two capabilities', () => {
    for (const set of ['CapabilityBoundingSet', 'AmbientCapabilities'])
      expect(valuesOf(set)).toEqual(['CAP_NET_ADMIN CAP_NET_RAW']);
    expect(valuesOf('NoNewPrivileges')).toEqual(['yes']);
  });

  test('lets it write /proc/sys/net and its runtime directory, and nothing else', () => {
    expect(valuesOf('ProtectSystem')).toEqual(['strict']);
    expect(valuesOf('ReadOnlyPaths')).toEqual(['/run -/dev/shm']);
    expect(valuesOf('PrivateDevices')).toEqual(['yes']);
    expect(valuesOf('ReadWritePaths')).toEqual(['/proc/sys/net']);
    expect(valuesOf('RuntimeDirectoryMode')).toEqual(['0755']);
  });
});
