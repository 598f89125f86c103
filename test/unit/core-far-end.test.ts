import { ALPHA, arpOf, gate, ip, Pair, prefix, topologyOf } from './core-fixtures';

const states = (pair: Pair) => [...pair.core.registry.allPaths()].map(({ state }) => state);

describe('a far end with an ICMP target', () => {
  const start = () => {
    const pair = new Pair(topologyOf({ peers: [gate] }));
    const asked = pair.run(20);
    return { pair, asked };
  };
  const reply = (pair: Pair, link: string) =>
    pair.handle({ type: 'echo', link, source: gate.icmp!, at: pair.now });

  test('is asked at its own address from our own on its subnet, and its target through each link', () => {
    const { asked } = start();
    const questions = arpOf(asked.sends).filter(({ targetIp }) => targetIp !== ALPHA);
    expect(questions.slice(0, 2)).toMatchObject([
      { link: 'eth0', senderIp: ip('10.77.0.1'), targetIp: ip('10.77.0.254') },
      { link: 'eth1', senderIp: ip('10.77.1.1'), targetIp: ip('10.77.1.254') },
    ]);
    expect(asked.echoes).toMatchObject([
      { link: 'eth0', target: gate.icmp },
      { link: 'eth1', target: gate.icmp },
    ]);
  });

  test('is up only where both answer', () => {
    const { pair } = start();
    expect(states(pair)).toEqual(['unknown', 'unknown']);
    reply(pair, 'eth0');
    expect(states(pair)).toEqual(['up', 'unknown']);
    const { notes, steps } = pair.run(49);
    expect([notes, steps]).toEqual([[], []]);
  });

  test('an uplink that is dead takes the path down, though ARP answers', () => {
    const { pair } = start();
    reply(pair, 'eth0');
    reply(pair, 'eth1');
    let last = pair.run(pair.now);
    for (let time = 25; time < 400; time += 5) {
      last = pair.run(time);
      reply(pair, 'eth1');
      if (states(pair)[0] === 'down') break;
    }
    expect(states(pair)).toEqual(['down', 'up']);
    expect(last.notes).toMatchObject([
      { event: 'path-down', fields: { plane: 'a', cause: 'icmp-silence' } },
      { event: 'failover', fields: { to: 'b' } },
    ]);
    expect(last.steps).toMatchObject([
      // The target must still be probed there, behind the other path's route.
      { operation: 'add-route', route: { destination: prefix('192.0.2.1'), metric: 10_100 } },
      { operation: 'remove-route', route: { destination: prefix('0.0.0.0/0'), metric: 100 } },
      { operation: 'remove-route', route: { destination: prefix('192.0.2.1'), metric: 100 } },
    ]);
  });

  test('an echo reply from elsewhere, or to no request, is nothing', () => {
    const { pair } = start();
    pair.handle({ type: 'echo', link: 'eth0', source: ip('192.0.2.9'), at: pair.now });
    pair.handle({ type: 'echo', link: 'wlan0', source: gate.icmp!, at: pair.now });
    expect(states(pair)).toEqual(['unknown', 'unknown']);
  });
});
