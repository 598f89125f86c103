import { Scene } from '../bench/scene';
import { drill, problemsOf } from '../drills/flapping/drill';
import { SCENARIOS } from '../drills/flapping/scenario';

/** Links that neither work nor fail cost no more reroutes than stated, and nothing on their return; `make drill-flapping` takes longer. */
jest.setTimeout(120_000);

/** A shorter hold than the default makes the waits shorter; it is still longer than a card that flaps is up. */
const TIMING = { interval: 50, retry: 5, hold: 400 };
/** ms; at 30 % loss not to find three requests lost in a row for so long would be a chance of 1 in 10 000. */
const LENGTHS: Readonly<Record<string, number>> = { flap: 3000, loss: 6000, 'spanning-tree': 4000 };

describe.each([
  ['by ARP alone', false],
  ['with beacons', true],
])('%s', (_, beacons) => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await Scene.create({ ...TIMING, beacons }, 1000, Math.random);
  });
  afterAll(() => scene?.destroy());

  test.each(Object.entries(LENGTHS))('%s', async (name, length) => {
    const scenario = SCENARIOS.find((each) => each.name === name)!;
    const result = await drill(scene, scenario, length);
    expect([problemsOf(result), result]).toEqual([[], result]);
    for (const { reroutes, onTroubled, lost } of result.hosts) {
      // The better path carried the traffic: the other was left, at once or, where frames are lost by chance, once enough were.
      expect(reroutes).toBeGreaterThanOrEqual(2);
      expect(onTroubled).toBeLessThan(name === 'loss' ? length : length / 2);
      if (name !== 'loss') expect(lost).toBeLessThan(length / 4);
    }
  });
});
