import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const ROOT = join(__dirname, '..', '..');

/** A module in `folder` that breaks `rule`, or none. */
interface Case {
  readonly folder: string;
  readonly source: string;
  readonly rule: string | undefined;
}

const IMPORTS = 'lint/style/noRestrictedImports';
const GLOBALS = 'lint/style/noRestrictedGlobals';

const using = (expression: string) => `export const x = ${expression};\n`;
const imports =
  (rule: string | undefined) =>
  ([folder, module]: readonly [string, string]): Case => ({
    folder,
    source: `import { x } from '${module}';\nexport const y = x;\n`,
    rule,
  });

const cases: readonly Case[] = [
  ...(
    [
      ['agent/wire', '../core/topology'],
      ['agent/wire', 'node:buffer'],
      ['agent/core', 'node:fs'],
      ['agent/core', 'pino'],
      ['agent/core', '../kernel/routes'],
      ['agent/core', '../clock'],
      ['agent/kernel', '../agent'],
      ['agent/kernel', '../control/server'],
      ['agent/config', '../kernel/routes'],
      ['agent/control', '../config/load'],
      ['agent/control', '../../native-bindings/addon'],
      ['agent/cli', '../agent'],
      ['agent/cli', '../kernel/routes'],
      ['agent/doctor', '../agent'],
      ['agent/doctor', '../core/core'],
      ['agent/doctor', '../cli/text'],
      ['agent', './cli/status'],
      ['agent', '../deploy/lab/lab'],
      ['native-bindings', '../agent/agent'],
    ] as const
  ).map(imports(IMPORTS)),
  ...(
    [
      ['agent/core', './topology'],
      ['agent/core', '../wire/arp'],
      ['agent/kernel', 'netlink'],
      ['agent/kernel', '../core/routing'],
      ['agent/kernel', '../../native-bindings/netlink-socket'],
      ['agent/cli', '../control/client'],
      ['agent/cli', '../kernel/teardown'],
      ['agent/cli', '../doctor/doctor'],
      ['agent/doctor', '../control/client'],
      ['agent/doctor', '../core/topology'],
      ['agent', './kernel/kernel'],
      ['test/sim', '../../agent/core/core'],
    ] as const
  ).map(imports(undefined)),
  ...['Date.now()', 'performance.now()', 'process.hrtime()', 'setTimeout(String, 1)', 'globalThis'].map(
    (expression) => ({ folder: 'agent/core', source: using(expression), rule: GLOBALS }),
  ),
  { folder: 'agent/core', source: using('Math.random()'), rule: 'plugin' },
  { folder: 'agent/core', source: using('Math.floor(1.5)'), rule: undefined },
  { folder: 'agent/kernel', source: using('Math.random() + Date.now()'), rule: undefined },
];

/** What is used of biome's JSON report. */
interface BiomeReport {
  readonly diagnostics: readonly {
    readonly category: string;
    readonly location: { readonly path: string };
  }[];
}

let folder: string;
let report: BiomeReport;

const fileOf = (index: number) => `${cases[index]!.folder}/case${index}.ts`;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'import-rule-'));
  for (const name of ['biome.json', '.biome'])
    cpSync(join(ROOT, name), join(folder, name), { recursive: true });
  for (const [index, { source }] of cases.entries()) {
    const file = join(folder, fileOf(index));
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, source);
  }
  const biome = join(ROOT, 'node_modules', '.bin', 'biome');
  const lint = spawnSync(biome, ['lint', '--reporter=json', '--max-diagnostics=none', '.'], {
    cwd: folder,
    encoding: 'utf8',
  });
  report = JSON.parse(lint.stdout) as BiomeReport;
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test.each(cases.map((one, index) => ({ ...one, index, code: one.source.split('\n')[0] })))(
  'in $folder, `$code`: $rule',
  ({ index, rule }) => {
    const found = report.diagnostics
      .filter(({ location }) => location.path === fileOf(index))
      .map(({ category }) => category);
    expect(found).toEqual(rule === undefined ? [] : [rule]);
  },
);
