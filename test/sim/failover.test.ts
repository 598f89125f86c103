import { Cluster } from './cluster';

test('smoke', () => {
  const c = Cluster.started();
  expect(c.lost).toBe(0);
  c.host('alpha').link(0).port.setCable(false);
  c.run(1000);
  console.log(c.streams.map((s) => [s.source.name, s.destination.name, s.sent, s.lost, s.gaps, s.fate]));
  console.log(
    c.notes.map((n) => `${n.at.toFixed(2)} ${n.host} ${n.event} ${JSON.stringify(n.fields)}`).join('\n'),
  );
  const t = process.hrtime.bigint();
  c.run(20000);
  console.log(Number(process.hrtime.bigint() - t) / 1e6, 'ms for 20 s');
});
