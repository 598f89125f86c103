/**
 * Links that neither work nor fail: `make drill-flapping`. Exit status 0 where reroutes stayed within their bound and nothing was lost on
 * return, 1 where not, 64 for a command line that cannot be meant.
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { BUILD_COMMIT, VERSION } from '../../../agent/version';
import { readMachine } from '../../bench/machine';
import { namesAmong, optionsOrUsage, wholeNumber } from '../../bench/options';
import { DEFAULT_TIMING, Scene } from '../../bench/scene';
import { drill, problemsOf, type Result } from './drill';
import { SCENARIOS } from './scenario';

const RATE = 1000;
const USAGE = `usage: drill-flapping [--seconds N] [--only NAME[,NAME...]] [--json FILE]
scenarios: ${SCENARIOS.map(({ name }) => name).join(', ')}
`;

function readOptions(args: string[]) {
  const { values } = parseArgs({
    args,
    options: {
      seconds: { type: 'string', default: '30' },
      only: { type: 'string' },
      json: { type: 'string' },
    },
  });
  const all = SCENARIOS.map(({ name }) => name);
  const names = namesAmong(all, values.only, 'scenario') ?? all;
  return {
    length: wholeNumber(values.seconds, 1, '--seconds') * 1000,
    scenarios: SCENARIOS.filter(({ name }) => names.includes(name)),
    json: values.json,
  };
}

function format(result: Result): string[] {
  const { title, beacons, length, failures, bound, hosts, stall, back } = result;
  const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
  return [
    `${title}; ${beacons ? 'beacons' : 'ARP alone'}; ${seconds(length)}, ${failures} failures`,
    ...hosts.map(
      ({ host, reroutes, routeChanges, onTroubled, lost, lostOnReturn }) =>
        `  ${host.padEnd(6)} ${reroutes} reroutes (at most ${bound}), ${routeChanges} changes of routes; on the troubled plane for ${Math.round(onTroubled)} ms; lost ${lost}, on return ${lostOnReturn}`,
    ),
    `  longest stall of the TCP session ${Math.round(stall)} ms; back on the preferred plane after ${seconds(back)}`,
  ];
}

async function main(): Promise<void> {
  const options = optionsOrUsage(() => readOptions(process.argv.slice(2)), USAGE);
  if (options === undefined) return;
  const machine = readMachine();
  console.log(
    `multihomed ${VERSION} (${BUILD_COMMIT}); ${machine.date}, ${machine.kernel}, ${machine.cores} cores`,
  );
  const results: Result[] = [];
  for (const scenario of options.scenarios) {
    for (const beacons of [false, true]) {
      // Others than before: what a link did counts for a while.
      const scene = await Scene.create({ ...DEFAULT_TIMING, beacons }, RATE, Math.random);
      try {
        const result = await drill(scene, scenario, options.length);
        results.push(result);
        for (const line of [...format(result), ...problemsOf(result)]) console.log(line);
      } finally {
        await scene.destroy();
      }
    }
  }
  if (options.json !== undefined) {
    const report = { version: VERSION, commit: BUILD_COMMIT, machine, results };
    await writeFile(options.json, `${JSON.stringify(report, null, 1)}\n`);
  }
  process.exitCode = results.some((result) => problemsOf(result).length > 0) ? 1 : 0;
}

void main();
