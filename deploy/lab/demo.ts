/**
 * The demonstration: three hosts on two backplanes, one agent each, and five faults under traffic. It ends with exit
 * status 0 where every fault was survived, 1 where a session was lost or something expected did not happen.
 */
import { constants } from 'node:os';
import { parseArgs } from 'node:util';
import { DRILLS, type DrillResult, runFault, runMending, type Sum, sumUp } from './demo-drills';
import { FAR, HOSTS, NEAR, Scene } from './demo-scene';
import {
  DRAWING,
  formatFault,
  formatMeasurement,
  formatMending,
  formatSum,
  formatTime,
  makePaint,
  type Paint,
} from './demo-text';
import { EXIT_NOT_PERMITTED, runInSandbox, SANDBOX_VARIABLE, sandboxObstacle } from './sandbox';
import { LabError, monotonic } from './wait';

const USAGE = 'usage: demo [--json]\n';
const EXIT_USAGE = 64;

/** What the whole demonstration found, as `--json` prints it. */
interface Report {
  /** ms from the start of each host's agent until it was ready */
  readonly ready: Readonly<Record<string, number>>;
  readonly drills: readonly DrillResult[];
  readonly sum: Sum;
  /** of the whole demonstration */
  readonly seconds: number;
}

const TRAFFIC = `Between the aliases of ${NEAR} and ${FAR} run a TCP session, a request each 5 ms, and
1000 UDP packets a second each way. Five faults follow. A path that comes back is
trusted after a second without a miss, and twice as late each time it fails again.`;

/** Writes lines for a person. */
type Say = (...lines: readonly string[]) => void;

async function startAgents(scene: Scene, say: Say): Promise<Record<string, number>> {
  const ready: Record<string, number> = {};
  for (const host of HOSTS) {
    ready[host] = await scene.startAgent(host);
  }
  const times = Object.entries(ready).map(([host, ms]) => `${host} ${formatTime(ms)}`);
  say(
    `On each host: multihomed --config ${scene.lab.configurationFile}`,
    `Ready after: ${times.join(', ')}`,
    '',
  );
  return ready;
}

async function showStatus(scene: Scene, say: Say): Promise<void> {
  const { stdout, stderr, status } = await scene.lab.host(NEAR).ctl('status');
  if (status !== 0) {
    throw new LabError(`multihomectl status on ${NEAR}: exit status ${status}: ${stderr.trim()}`);
  }
  say(`${NEAR}$ multihomectl status`, stdout);
}

async function showDrills(scene: Scene, say: Say, paint: Paint): Promise<DrillResult[]> {
  const results: DrillResult[] = [];
  for (const [index, drill] of DRILLS.entries()) {
    say(formatFault(index + 1, drill, paint));
    const broken = await runFault(scene, drill);
    say(...formatMeasurement(broken, paint));
    const mended = await runMending(scene, drill);
    say(...formatMending(drill, mended, paint));
    results.push({ fault: drill.fault, mending: drill.mending, broken, mended });
  }
  return results;
}

async function show(scene: Scene, say: Say, paint: Paint): Promise<Report> {
  const start = monotonic();
  const ready = await startAgents(scene, say);
  await scene.waitForAllPaths();
  await showStatus(scene, say);
  await scene.startTraffic();
  say(TRAFFIC, '');
  const drills = await showDrills(scene, say, paint);
  const sum = sumUp(drills);
  const seconds = (monotonic() - start) / 1000;
  say(formatSum(sum, paint), `It took ${seconds.toFixed(0)} s.`);
  return { ready, drills, sum, seconds };
}

/** @returns a promise that rejects with the first signal that asks us to end; further ones change nothing */
function interruption(): Promise<never> {
  return new Promise((_, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => {
        process.exitCode = 128 + constants.signals[signal];
        reject(new LabError(`interrupted by ${signal}`));
      });
    }
  });
}

async function demonstrate(json: boolean): Promise<void> {
  const colour = process.stdout.isTTY === true && process.env.NO_COLOR === undefined;
  const say: Say = json ? () => undefined : (...lines) => void process.stdout.write(`${lines.join('\n')}\n`);
  const interrupted = interruption();
  interrupted.catch(() => undefined); // its signal may come while nobody waits for it
  say('Three hosts on two backplanes, in network namespaces of their own:', DRAWING);
  const scene = await Scene.create();
  try {
    const report = await Promise.race([show(scene, say, makePaint(colour)), interrupted]);
    if (json) {
      process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
    }
    process.exitCode = report.sum.sessionsLost === 0 ? 0 : 1;
  } finally {
    await scene.destroy();
    say('All namespaces and processes of the demo are gone again.');
  }
}

async function main(): Promise<void> {
  let json: boolean;
  try {
    const { values } = parseArgs({ options: { json: { type: 'boolean', default: false } } });
    json = values.json;
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n${USAGE}`);
    process.exitCode = EXIT_USAGE;
    return;
  }
  if (process.env[SANDBOX_VARIABLE] !== '1') {
    const obstacle = sandboxObstacle();
    if (obstacle !== undefined) {
      process.stderr.write(`The demo cannot run here: ${obstacle}\n`);
      process.exitCode = EXIT_NOT_PERMITTED;
      return;
    }
    process.exitCode = await runInSandbox(process.execPath, [__filename, ...process.argv.slice(2)]);
    return;
  }
  try {
    await demonstrate(json);
  } catch (error) {
    process.stderr.write(`The demo ended: ${(error as Error).message}\n`);
    process.exitCode ||= 1;
  }
  process.exit(); // what an interrupted demonstration still waits for will not come
}

void main();
