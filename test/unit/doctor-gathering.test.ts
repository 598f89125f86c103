import { Unknown } from '../../agent/doctor/evidence';
import { askDaemon } from '../../agent/doctor/gathering';
import { Scene, statusReport } from './cli-harness';

let scene: Scene;
beforeEach(() => {
  scene = new Scene();
});
afterEach(async () => {
  await scene.end();
  scene.remove();
});

const signal = new AbortController().signal;
const nobody = '/no/such/directory/control.sock';

test("this cluster's daemon answers, wherever it listens", async () => {
  expect(await askDaemon('demo', [nobody, scene.socket], signal)).toBeNull();
  await scene.daemon();
  expect(await askDaemon('demo', [nobody, scene.socket], signal)).toMatchObject({ cluster: 'demo' });
  const other = new Scene();
  await other.daemon({ status: () => statusReport({ cluster: 'other' }) });
  expect(await askDaemon('demo', [other.socket, scene.socket], signal)).toMatchObject({ cluster: 'demo' });
  expect(await askDaemon('third', [other.socket, scene.socket], signal)).toMatchObject({ cluster: 'other' });
  await other.end();
  other.remove();
});

test('a daemon that answers nothing of use is not known', async () => {
  await scene.daemon({
    status: () => {
      throw new Error('broken');
    },
  });
  expect(await askDaemon('demo', [scene.socket], signal)).toBeInstanceOf(Unknown);
});
