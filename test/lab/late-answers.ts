/**
 * Answers ARP requests for an address after some ms, as a host does that is far away: runs until its standard input ends, and says
 * `ready` once it listens.
 *
 *     node late-answers.js ADDRESS MILLISECONDS DEVICE...
 */
import { readFileSync } from 'node:fs';
import { parseIpv4, parseMac } from '../../agent/wire/address';
import { arpReply, decodeArp, encodeArp } from '../../agent/wire/arp';
import { ETHERTYPE_ARP } from '../../agent/wire/ethernet';
import { PacketSocket } from '../../native-bindings/packet-socket';

function read(device: string, file: string): string {
  return readFileSync(`/sys/class/net/${device}/${file}`, 'utf8').trim();
}

function answer(address: string, ms: number, device: string): PacketSocket {
  const mac = parseMac(read(device, 'address'))!;
  const take = (bytes: Uint8Array): void => {
    const request = decodeArp(bytes);
    if (typeof request === 'string' || request.operation !== 'request') return;
    if (request.targetIp !== parseIpv4(address)) return;
    setTimeout(() => socket.send([encodeArp(arpReply(request, mac))]), ms);
  };
  const socket = PacketSocket.open(
    { interface: device, ifindex: Number(read(device, 'ifindex')), etherTypes: [ETHERTYPE_ARP] },
    {
      readable: () => {
        for (const { bytes } of socket.receive()) take(bytes);
      },
      error: () => undefined,
    },
  );
  return socket;
}

const [address = '', ms = '', ...devices] = process.argv.slice(2);
const sockets = devices.map((device) => answer(address, Number(ms), device));
process.stdin.on('end', () => {
  for (const socket of sockets) socket.close();
});
process.stdin.resume();
process.stdout.write('ready\n');
