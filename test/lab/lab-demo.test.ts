import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DRILLS, sumUp } from '../../deploy/lab/demo-drills';
import type { Measurement } from '../../deploy/lab/demo-scene';
import {
  formatMeasurement,
  formatMending,
  formatSum,
  formatTime,
  makePaint,
} from '../../deploy/lab/demo-text';
import { ROOT } from '../../deploy/lab/host';

/** The demonstration is over in half a minute; a loaded machine may take longer. */
jest.setTimeout(120_000);

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the demo; `onOutput` is called with all output so far, and may send a signal. */
function runDemo(
  args: readonly string[],
  onOutput: (stdout: string, kill: (signal: NodeJS.Signals) => void) => void = () => undefined,
): Promise<Ended> {
  const child = spawn(process.execPath, [join(ROOT, 'dist', 'deploy', 'lab', 'demo.js'), ...args]);
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    stdout += chunk;
    onOutput(stdout, (signal) => child.kill(signal));
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk;
  });
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, stdout, stderr })));
}

/** @returns command lines of the demo's agents, traffic processes and holders that still run in this sandbox */
function leftovers(): string[] {
  return readdirSync('/proc').flatMap((pid) => {
    try {
      const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
      return /agent\/main\.js|-process\.js|holder alpha/.test(line) ? [line] : [];
    } catch {
      return [];
    }
  });
}

test('every fault is survived: the traffic moves, comes back, and the session lives', async () => {
  const { code, stdout, stderr } = await runDemo(['--json']);
  expect(stderr).toBe('');
  const report = JSON.parse(stdout);
  expect(Object.keys(report.ready)).toEqual(['alpha', 'beta', 'gamma']);
  expect(report.drills).toHaveLength(DRILLS.length);
  for (const { broken, mended } of report.drills) {
    expect(broken).toMatchObject({ plane: 'b', session: { alive: true } });
    expect(mended).toMatchObject({ plane: 'a', session: { alive: true }, lost: { there: 0, back: 0 } });
    expect(broken.sent).toBeGreaterThan(0);
  }
  expect(report.sum).toMatchObject({ faults: DRILLS.length, sessionsLost: 0 });
  expect(code).toBe(0);
  expect(leftovers()).toEqual([]);
});

test('when interrupted in the middle of a fault, nothing is left behind', async () => {
  const { code, stdout, stderr } = await runDemo([], (output, kill) => {
    if (output.includes('1. alpha')) {
      kill('SIGINT');
    }
  });
  expect(code).toBe(130);
  expect(stdout).toContain('alpha$ multihomectl status');
  expect(stderr).toBe('The demo ended: interrupted by SIGINT\n');
  expect(leftovers()).toEqual([]);
});

test('an unknown option is refused', async () => {
  expect(await runDemo(['--fast'])).toMatchObject({ code: 64, stdout: '' });
});

describe('what a person reads', () => {
  const survived: Measurement = {
    sent: 1000,
    lost: { there: 0, back: 13 },
    longestGap: 16.4,
    plane: 'b',
    settled: 1100,
    session: { alive: true, longestStall: 24.9, error: null },
  };
  const died: Measurement = {
    ...survived,
    session: { alive: false, longestStall: 5000, error: 'ECONNRESET' },
  };
  const plain = makePaint(false);
  const [drill] = DRILLS;

  test('fits 80 columns and names both directions, the plane and the session', () => {
    const lines = [drill, ...DRILLS].flatMap((each) => (each ? formatMending(each, survived, plain) : []));
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
    expect(formatMeasurement(survived, plain)).toEqual([
      '     lost: 0 alpha to beta, 13 beta to alpha; longest gap 16 ms',
      '     traffic on plane b; session alive, longest stall 25 ms',
    ]);
    expect(formatMeasurement(died, plain)[1]).toBe('     traffic on plane b; session LOST (ECONNRESET)');
  });

  test('the sum counts both directions, and a session once', () => {
    const result = { fault: '', mending: '', broken: died, mended: died };
    const sum = sumUp([result, { ...result, broken: survived }]);
    expect(sum).toEqual({ faults: 2, sent: 4000, lost: 52, sessionsLost: 1 });
    expect(formatSum(sum, plain)).toBe('2 faults, 4000 packets sent, 52 lost; sessions lost: 1');
    expect(formatSum(sum, makePaint(true))).toContain('\x1b[31m');
  });

  test.each([
    [0.04, '0.0 ms'],
    [3.21, '3.2 ms'],
    [48.4, '48 ms'],
    [1130, '1.1 s'],
  ])('%d ms as %s', (ms, text) => expect(formatTime(ms)).toBe(text));
});
