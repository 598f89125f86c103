import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatDiagnosis } from '../../agent/cli/doctor-text';
import { alignmentOf } from '../../agent/doctor/alignment';
import { CATALOGUE } from '../../agent/doctor/catalogue';
import type { Diagnosis } from '../../agent/doctor/doctor';
import { found, PLAN, STATUS, settings } from './doctor-fixtures';

const diagnosis = (changes: Partial<Diagnosis> = {}): Diagnosis => ({
  ...{ cluster: 'demo', host: 'alpha', daemon: true, findings: [], unchecked: [] },
  alignment: alignmentOf(PLAN, settings(), STATUS),
  ...changes,
});

test('a command stands on a line of its own, unbroken, and text within 80 columns', () => {
  const findings = [
    ...found({ settings: settings({ 'net/ipv4/conf/eth0/rp_filter': 1 }) }),
    ...found({
      networkd: { configures: ['eth0'], foreignRoutes: true },
      networkManager: { manages: ['eth1'] },
    }),
    ...found({ interfaces: [] }).slice(0, 1),
  ];
  const lines = formatDiagnosis(
    diagnosis({ findings, unchecked: [{ check: 'MTU', reason: 'none' }] }),
    false,
  );
  for (const { command } of findings) if (command !== null) expect(lines).toContain(`    ${command}`);
  const commands = findings.map(({ command }) => `    ${command}`);
  for (const line of lines) if (!commands.includes(line)) expect([...line].length).toBeLessThanOrEqual(80);
  expect(lines).toContain('  mend (--fix does it):');
  expect(lines).toContain('  mend: if something else gives eth1 an address, keep NetworkManager from it');
  expect(lines).toContain('not checked: MTU: none');
  expect(lines.at(-1)).toBe('3 errors, 1 warning');
});

test('an interface’s name can’t draw on the terminal', () => {
  const [finding] = found({ interfaces: [] });
  const drawn = { ...finding!, subject: 'eth\u001b[2J', what: '\u001b[2J' };
  expect(formatDiagnosis(diagnosis({ findings: [drawn] }), false).join()).not.toContain('\u001b');
});

test('docs/doctor.md lists every finding, and none that there isn’t', () => {
  const text = readFileSync(join(__dirname, '..', '..', 'docs', 'doctor.md'), 'utf8');
  const listed = [...text.matchAll(/^\| `([a-z-]+)` \| (?:error|warning|notice|the same)/gm)].map(
    (match) => match[1],
  );
  expect(listed.sort()).toEqual(Object.keys(CATALOGUE).sort());
});
