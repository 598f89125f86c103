import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { readKeys } from '../../agent/config/key-file';
import { ConfigurationError, NoInputError } from '../../agent/config/problem';
import { nodeWithoutOverride } from './without-override';

const OLD = '00112233445566778899aabbccddeeff'.repeat(2);
const NEW = '0F1E2D3C4B5A69788796A5B4C3D2E1F0'.repeat(2);

const folder = mkdtempSync(join(tmpdir(), 'keys-'));
const path = join(folder, 'beacon.key');
afterEach(() => rmSync(path, { force: true, recursive: true }));
afterAll(() => rmSync(folder, { recursive: true }));

function keyFile(content: string, mode = 0o600): string {
  writeFileSync(path, content);
  chmodSync(path, mode);
  return path;
}

const read = (content: string) => readKeys(keyFile(content)).map((key) => key.export().toString('hex'));

/** The error that `run` throws; a failure of the test where it throws none. */
function thrown(run: () => unknown): Error {
  try {
    run();
  } catch (error) {
    return error as Error;
  }
  throw new Error('nothing was thrown');
}

/** What is said of a file with this content, without its path. */
function refusal(content: string): string {
  const error = thrown(() => readKeys(keyFile(content)));
  expect(error).toBeInstanceOf(ConfigurationError);
  expect(error).toMatchObject({ exitStatus: 78 });
  return error.message.replaceAll(path, 'FILE');
}

describe('readKeys', () => {
  test.each([
    ['one key', `${OLD}\n`, [OLD]],
    ['one key without an end of line', OLD, [OLD]],
    ['two keys, in their order', `${NEW}\n${OLD}\n`, [NEW.toLowerCase(), OLD]],
    ['blank lines and comments', `# cluster demo\n\n  ${OLD}  \n\t\n  # ${NEW}\n`, [OLD]],
    ["another system's ends of lines", `${OLD}\r\n${NEW}\r\n`, [OLD, NEW.toLowerCase()]],
  ])('takes %s', (_name, content, keys) => {
    expect(read(content)).toEqual(keys);
  });

  test.each([
    ['nothing', '', 'FILE:1:1: this file holds no key; make one: (umask 077; openssl rand -hex 32 > FILE)'],
    [
      'comments alone',
      '# to be made\n',
      'FILE:1:1: this file holds no key; make one: (umask 077; openssl rand -hex 32 > FILE)',
    ],
    [
      'a key that is too short',
      `\n ${OLD.slice(1)}\n`,
      'FILE:2:2: this key has 63 digits; write a key as 64 hexadecimal digits',
    ],
    [
      'a key that is too long',
      `${OLD}0\n`,
      'FILE:1:1: this key has 65 digits; write a key as 64 hexadecimal digits',
    ],
    [
      'two keys on one line',
      `${OLD} ${NEW}\n`,
      'FILE:1:65: this is no hexadecimal digit; write a key as 64 hexadecimal digits',
    ],
    [
      'a letter beyond f in the second key',
      `${OLD}\n${NEW.slice(0, 40)}g${NEW.slice(41)}\n`,
      'FILE:2:41: this is no hexadecimal digit; write a key as 64 hexadecimal digits',
    ],
    [
      'bytes instead of digits',
      '\x00\xff'.repeat(16),
      'FILE:1:1: this is no hexadecimal digit; write a key as 64 hexadecimal digits',
    ],
    [
      'three keys',
      `${OLD}\n${NEW}\n${OLD}\n`,
      'FILE:3:1: a third key stands here; keep 2: the one that signs first',
    ],
  ])('refuses %s', (_name, content, said) => {
    expect(refusal(content)).toBe(said);
  });

  test.each(['0640', '0604', '0620', '0602', '0610', '0601', '0644', '4777'])('refuses mode %s', (mode) => {
    const error = thrown(() => readKeys(keyFile(OLD, Number.parseInt(mode, 8))));
    const said = `mode ${mode} lets others than the owner use the keys; chmod 600 ${path}`;
    expect(error).toMatchObject({ exitStatus: 78, message: `${path}:1:1: ${said}` });
  });

  test.each(['0600', '0400', '0700'])('takes mode %s', (mode) => {
    expect(readKeys(keyFile(OLD, Number.parseInt(mode, 8)))).toHaveLength(1);
  });

  test('judges the file that a symbolic link names, not the link', () => {
    symlinkSync(keyFile(OLD), join(folder, 'link'));
    expect(readKeys(join(folder, 'link'))).toHaveLength(1);
    chmodSync(path, 0o640);
    expect(thrown(() => readKeys(join(folder, 'link')))).toBeInstanceOf(ConfigurationError);
  });

  // Only root can give a file away.
  const asRoot = process.geteuid?.() === 0 ? test : test.skip;
  asRoot("refuses a stranger's file", () => {
    chownSync(keyFile(OLD), 1, 1);
    const said = `${path}:1:1: the owner is user 1, who can read and change the keys; chown 0 ${path}`;
    expect(thrown(() => readKeys(path))).toMatchObject({ exitStatus: 78, message: said });
    // Root looks at it for the daemon.
    expect(readKeys(path, true)).toHaveLength(1);
    chmodSync(path, 0o640);
    expect(thrown(() => readKeys(path, true))).toMatchObject({ exitStatus: 78 });
  });

  test.each([
    [
      'a file that is not there',
      () => undefined,
      'ENOENT',
      `there is no such file (ENOENT); make a key: (umask 077; openssl rand -hex 32 > ${path})`,
    ],
    [
      'a directory',
      () => mkdirSync(path),
      'EINVAL',
      'this is not a regular file; name a file with one or two keys as beacon.key-file',
    ],
    [
      'a FIFO without a writer',
      () => execFileSync('mkfifo', [path]),
      'EINVAL',
      'this is not a regular file; name a file with one or two keys as beacon.key-file',
    ],
    [
      'a file of more than 4096 bytes',
      () => keyFile(`${OLD}\n`.padEnd(4097, '#')),
      'EFBIG',
      'the file is larger than 4096 bytes; name a file with one or two keys as beacon.key-file',
    ],
  ])('cannot read %s', (_name, make, code, said) => {
    make();
    const error = thrown(() => readKeys(path));
    expect(error).toBeInstanceOf(NoInputError);
    expect(error).toMatchObject({ code, exitStatus: 66, message: `${path}: ${said}` });
  });

  test('takes a file of 4096 bytes', () => {
    expect(read(`${OLD}\n`.padEnd(4096, '#'))).toEqual([OLD]);
  });

  test('says that permission is missing', async () => {
    keyFile(OLD, 0);
    const module = join(__dirname, '..', '..', 'dist', 'agent', 'config', 'load.js');
    const script = `
      const { readKeys } = require(${JSON.stringify(module)});
      try { readKeys(${JSON.stringify(path)}); }
      catch ({ code, exitStatus, message }) { console.log(JSON.stringify({ code, exitStatus, message })); }`;
    const { stdout } = await nodeWithoutOverride(['-e', script]);
    const said = 'permission to read it is missing (EACCES); run this as the owner of the file';
    expect(JSON.parse(stdout)).toEqual({ code: 'EACCES', exitStatus: 66, message: `${path}: ${said}` });
  });

  test('shows no key in an error, nor in what a log would write of the keys', () => {
    const shown = [`${OLD}0`, `${OLD.slice(1)}g`, `${OLD}\n${OLD}\n${OLD}`].flatMap((content) => {
      const error = thrown(() => readKeys(keyFile(content)));
      return [inspect(error, { depth: 9 }), JSON.stringify(error), String(error.stack)];
    });
    const keys = readKeys(keyFile(OLD));
    const text = [...shown, inspect(keys, { depth: 9, showHidden: true }), JSON.stringify(keys)].join('\n');
    expect(text).toContain('65 digits');
    expect(text).not.toContain('44556677');
  });
});
