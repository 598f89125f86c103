import type { FrameKind, ReceivedFrame } from '../../agent/core/event';
import { Path } from '../../agent/core/path';
import { meaningOf, type Receiver } from '../../agent/core/receiving';
import type { Ipv4, Mac } from '../../agent/wire/address';
import { type ArpFrame, arpAnnouncement, arpReply, arpRequest, encodeArp } from '../../agent/wire/arp';
import { ALPHA, ALPHA_MACS, BETA, BETA_MACS, beta, ip, topologyOf } from './core-fixtures';

const [OURS, OUR_OTHER] = ALPHA_MACS as [Mac, Mac];
const [THEIRS] = BETA_MACS as [Mac, Mac];
const STRANGER = 0x02000000ffff as Mac;
const REFUSED = 0x02000000eeee as Mac;
/** of the link that receives, and of our other one */
const OWN_ADDRESS = ip('10.77.0.1');
const OTHER_ADDRESS = ip('10.77.1.1');

function pathTo(state: 'asked' | 'up' | 'asked-again' | 'down'): Path {
  const path = new Path(beta, 0, 'eth0', topologyOf().probe, 0, 0, 0);
  path.arp.tick(0);
  if (state === 'asked') return path;
  path.arp.answer(THEIRS, 1, 1);
  if (state === 'up') return path;
  path.arp.tick(path.arp.wakeAt);
  if (state === 'asked-again') return path;
  path.arp.fail(200, 'carrier-lost');
  path.arp.revive(300);
  path.arp.tick(300);
  return path;
}

function receiverWith(path: Path): Receiver {
  return {
    aliases: [ALPHA],
    mac: OURS,
    isOurs: (mac) => ALPHA_MACS.includes(mac),
    isOwnAddress: (address) => [ALPHA, OWN_ADDRESS, OTHER_ADDRESS].includes(address),
    isPeer: (address) => address === BETA,
    pathTo: (address) => (address === BETA ? path : undefined),
    asksFrom: (address: Ipv4) => address === ALPHA || address === OWN_ADDRESS,
    refuses: (address, mac) => address === BETA && mac === REFUSED,
  };
}

/** After everything that the paths asked. */
const LATER = 5000;

const received = (frame: ArpFrame | Uint8Array, kind: FrameKind = 'host', vlan = false): ReceivedFrame => ({
  bytes: frame instanceof Uint8Array ? frame : encodeArp(frame),
  at: LATER,
  kind,
  vlan,
});

const asked = arpRequest(OURS, ALPHA, BETA);
const answer = arpReply(asked, THEIRS);
const question = arpRequest(THEIRS, BETA, ALPHA);

describe('what a frame means', () => {
  test.each([
    ['an answer', received(answer), 'asked-again', { type: 'answer', frame: answer }],
    ['the first answer', received(answer), 'asked', { type: 'answer', frame: answer }],
    [
      'an answer to our own address',
      received(arpReply(arpRequest(OURS, OWN_ADDRESS, BETA), THEIRS)),
      'asked',
      { type: 'answer' },
    ],
    ['a broadcast answer', received(answer, 'broadcast'), 'asked', { type: 'answer' }],
    ['a question of a peer', received(question), 'up', { type: 'question', frame: question }],
    [
      'a question of anybody',
      received(arpRequest(STRANGER, ip('10.77.0.9'), ALPHA)),
      'up',
      { type: 'question' },
    ],
    [
      'an address probe for our alias',
      received(arpRequest(STRANGER, 0 as Ipv4, ALPHA)),
      'up',
      { type: 'question' },
    ],
    [
      'an announcement of a peer',
      received(arpAnnouncement(THEIRS, BETA), 'broadcast'),
      'up',
      { type: 'hint' },
    ],
    [
      'the same from another card',
      received(arpAnnouncement(STRANGER, BETA), 'broadcast'),
      'up',
      { type: 'hint' },
    ],
    [
      'an announcement in the reply form',
      received({ ...arpAnnouncement(THEIRS, BETA), operation: 'reply' }),
      'up',
      { type: 'hint' },
    ],
    ['another host with our alias', received(arpAnnouncement(STRANGER, ALPHA)), 'up', { type: 'conflict' }],
    [
      'a request from our alias that is not ours',
      received(arpRequest(STRANGER, ALPHA, BETA)),
      'up',
      { type: 'conflict' },
    ],
    ...[
      ['our announcement', arpAnnouncement(OUR_OTHER, ALPHA)] as const,
      ['our request', arpRequest(OUR_OTHER, ALPHA, BETA)] as const,
      ["our request from the other link's address", arpRequest(OUR_OTHER, OTHER_ADDRESS, BETA)] as const,
      ['our request from an address of this link', arpRequest(OUR_OTHER, OWN_ADDRESS, BETA)] as const,
    ].map(
      ([name, frame]) =>
        [`${name} on another link`, received(frame, 'broadcast'), 'up', { type: 'joined' }] as const,
    ),
  ] as const)('%s', (_, frame, state, expected) => {
    expect(meaningOf(frame, receiverWith(pathTo(state)))).toMatchObject(expected);
  });

  test.each([
    ['vlan-tagged', received(answer, 'host', true), 'asked'],
    ['not-for-us', received(answer, 'otherhost'), 'asked'],
    ['not-for-us', received(answer, 'outgoing'), 'asked'],
    ['truncated', received(encodeArp(answer).slice(0, 30)), 'asked'],
    ['sender-mac-mismatch', received({ ...answer, source: STRANGER }), 'asked'],
    ['own-frame', received(arpAnnouncement(OURS, ALPHA), 'broadcast'), 'asked'],
    ['own-mac', received(arpAnnouncement(OUR_OTHER, ALPHA)), 'asked'],
    ['own-mac', received(arpRequest(OUR_OTHER, ALPHA, BETA), 'multicast'), 'asked'],
    ['own-mac', received(arpReply(question, OUR_OTHER), 'broadcast'), 'asked'],
    ['own-mac', received({ ...arpAnnouncement(OUR_OTHER, ALPHA), operation: 'reply' }, 'broadcast'), 'asked'],
    ['own-mac', received(arpAnnouncement(OUR_OTHER, BETA), 'broadcast'), 'asked'],
    ['own-mac', received(arpRequest(OUR_OTHER, 0 as Ipv4, ALPHA), 'broadcast'), 'asked'],
    ['unknown-sender', received(arpAnnouncement(STRANGER, ip('10.78.0.77'))), 'asked'],
    ['unknown-sender', received({ ...answer, senderIp: ip('10.78.0.77') }), 'asked'],
    ['other-target', received(arpRequest(THEIRS, BETA, ip('10.78.0.3'))), 'asked'],
    ['other-target', received({ ...answer, targetIp: ip('10.78.0.3') }), 'asked'],
    ['unsolicited', received(answer), 'up'],
    ['unsolicited', { ...received(answer), at: 0 }, 'asked-again'],
    ['foreign-mac', received(arpReply(asked, STRANGER)), 'asked-again'],
    ['pinned-mac', received(arpReply(asked, REFUSED)), 'asked'],
    ['pinned-mac', received(arpAnnouncement(REFUSED, BETA)), 'up'],
    ['pinned-mac', received(arpRequest(REFUSED, BETA, ALPHA)), 'up'],
  ] as const)('%s', (reason, frame, state) => {
    expect(meaningOf(frame, receiverWith(pathTo(state)))).toEqual({ type: 'ignored', reason });
  });

  test('a path that is down takes another address where everybody was asked, and only there', () => {
    const path = pathTo('down');
    const other = received(arpReply(asked, STRANGER));
    expect(meaningOf(other, receiverWith(path))).toMatchObject({ type: 'answer' });
    path.arp.tick(path.arp.wakeAt);
    expect(path.arp.expects).toBe(THEIRS);
    expect(meaningOf(other, receiverWith(path))).toEqual({ type: 'ignored', reason: 'foreign-mac' });
  });
});
