import { Fleet } from './fleet';

/** 60 whole cores on a virtual clock (`make bench` has a thousand): together they start, lose a plane, lose every tenth host, and heal. */
jest.setTimeout(300_000);

const HOSTS = 60;
/** Long, so that the test takes little time; what a steady second costs is measured by the benchmark. */
const BEACONS = 500;
/** Of both planes together; a host sends as many however many it has for peers. */
const BEACONS_A_SECOND = 2 * (1000 / BEACONS);

test(`${HOSTS} agents with beacons`, () => {
  const fleet = new Fleet({ hosts: HOSTS, interval: 50, beacons: BEACONS });
  fleet.startAll();
  fleet.run(2500);
  expect(fleet.astray(0)).toEqual([]);

  // A steady second: nobody is blamed, and what a host sends beside its beacons is a request and an answer a path.
  fleet.forget();
  fleet.run(fleet.now + 1000);
  const steady = fleet.meanTraffic;
  expect([fleet.told('path-down'), fleet.told('failover')]).toEqual([0, 0]);
  expect(steady.framesSent).toBeLessThanOrEqual(BEACONS_A_SECOND + 2 * 2 * (HOSTS - 1) * 1.1 + 2);

  // The switch of plane a dies: everybody moves at once, and nothing but the withdrawals and hints is sent for it.
  fleet.forget();
  fleet.setPlane(0, false);
  fleet.run(fleet.now + 10);
  expect(fleet.astray(1)).toEqual([]);
  expect(fleet.told('failover')).toBe(HOSTS * (HOSTS - 1));
  expect(fleet.meanTraffic.framesSent).toBeLessThanOrEqual(3 + 2 + 1 + HOSTS / 10);

  // It is back: trusted after the hold, by all.
  fleet.forget();
  fleet.setPlane(0, true);
  fleet.run(fleet.now + 2500);
  expect(fleet.astray(0)).toEqual([]);
  expect(fleet.told('peer-unreachable')).toBe(0);

  // Every tenth host loses its power: the others see just these go, and go on as they were.
  fleet.forget();
  const lost = fleet.members.filter(({ index }) => index % 10 === 0);
  for (const member of lost) fleet.fail(member);
  fleet.run(fleet.now + 1500);
  const alive = HOSTS - lost.length;
  expect(fleet.told('peer-unreachable')).toBe(alive * lost.length);
  expect(fleet.told('failover')).toBe(0);
  expect(fleet.astray(0)).toEqual([]);

  // They boot again, and all reach all.
  for (const member of lost) fleet.boot(member);
  fleet.run(fleet.now + 3000);
  expect(fleet.astray(0)).toEqual([]);
});
