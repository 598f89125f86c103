/** Every finding, and why it matters: one sentence, as it is printed. docs/doctor.md lists them. */
export const CATALOGUE = {
  'rp-filter-strict':
    'Strict reverse path filtering drops what a peer sends by another link than our preferred one, its ARP requests included, and counts nothing.',
  'rp-filter-unaddressed':
    'On a link without an IPv4 address the kernel is strict even in the loose mode, so it drops what peers send by this link.',
  'rp-filter-lo':
    'What this host sends to its own alias still arrives, but packets that a proxy or tc redirects to lo are dropped.',
  'arp-ignore':
    'The kernel answers no ARP request for the alias, so without a running agent the peers take every path to this host for dead.',
  'arp-filter':
    'The kernel answers for the alias only on the link of the preferred route, so without a running agent the peers take the standby paths for dead.',
  'arp-announce':
    'The kernel asks for peers from the address of the card instead of the alias, so a far end without an agent does not learn from it where the alias is.',
  'arp-gratuitous-dropped':
    'The kernel ignores announcements, so where it resolves a far end by itself it goes on sending to a card that has been replaced.',
  'linkdown-routes-kept':
    'The kernel keeps using routes by a link that has lost its carrier, until the agent has taken each of them out.',
  'accept-local':
    'Packets and ARP requests that come in with one of our own addresses as the sender are taken, so anybody can pose as this host to itself, and on joined planes it answers its own requests.',
  'log-martians':
    'On joined planes each broadcast of ours comes back by another link, and the kernel logs every one.',
  'proxy-arp':
    'This host answers ARP requests for the aliases of its peers where its route to them leaves by another link, and so draws their traffic to itself.',
  'link-missing': 'Without its card this host has one plane less.',
  'link-down': 'A link that is taken down carries nothing, and its routes are gone.',
  'link-no-carrier': 'Without carrier this host has one plane less.',
  'link-enslaved':
    'A port of a bridge, bond or VRF hands its frames to that, so neither the alias nor the routes by this interface work.',
  'link-noarp': 'Without ARP nobody is found by this link, and nobody finds us.',
  'links-share-card': 'Both planes end with this one card or cable.',
  'mtu-differs':
    'After a failover to the smaller MTU, datagrams are fragmented or refused and sessions resend what no longer fits; and what is too large for a switch vanishes.',
  'link-wrong-plane':
    'The cable is in the switch of another plane, so peers that use the right one are not reached by it, and one failure takes more than one plane.',
  'planes-joined':
    'Planes that are one network fail together: with the switch, in a loop, or in a broadcast storm.',
  'link-silent':
    'Frames do not get through although the carrier says so, as behind a spanning tree that does not forward or in another VLAN, so this plane is no reserve.',
  'path-silent': 'If the other plane fails, this peer is not reached any more.',
  'alias-duplicate':
    'Two machines have one identity: whichever announces itself last gets the packets, and sessions of the other break.',
  'alias-missing': 'Sessions from and to the alias need the address on the loopback interface.',
  'alias-on-card':
    'An alias on a card goes away with it, and the kernel may answer for it on one plane alone.',
  'alias-of-peer': 'What is meant for this peer never leaves this host.',
  'route-missing': 'Without a route of ours, packets to this peer take whatever other way there is, or none.',
  'route-foreign': 'This route wins over ours, so a failover does not move the packets that it carries.',
  'rule-override':
    'The rule sends packets another way before our table is looked at, so a failover does not move them.',
  'table-unreached': 'No policy rule leads to the table of our routes, so nothing uses them.',
  'firewall-arp': 'Peers whose ARP requests or answers are dropped take the path for dead.',
  'firewall-traffic': 'What the applications send from alias to alias is dropped.',
  'firewall-beacons': 'Beacons that are dropped withdraw nothing, so failures are found by ARP alone.',
  'firewall-rewrite':
    'A session whose address is rewritten to that of a card does not survive the loss of that card.',
  'firewall-reverse-path':
    'What a peer sends by another link than our preferred one is dropped, and that is what a peer does that fails over before us.',
  'networkd-routes':
    'systemd-networkd removes routes that it did not make from interfaces that it configures, whenever it reconfigures one.',
  'networkmanager-lo':
    'NetworkManager removes addresses that it does not know from interfaces that it manages, and the alias is on this one.',
  'networkmanager-link':
    'NetworkManager removes routes that it does not know whenever it activates a connection on an interface that it manages.',
  'agent-stopped':
    'Without the agent the kernel still passes over a link without carrier, but nobody notices any other failure.',
  'agent-starting': 'Until it is ready, routes or announcements are still missing.',
  'configuration-not-loaded': 'The running agent watches other hosts or links than the file names.',
  'tcp-retries-short': 'TCP gives a session up before the failover is over, or before the application would.',
  'tcp-syn-retries-short': 'A connection that is opened during a failover fails instead of waiting for it.',
  'tcp-keepalive-short': 'Keepalive ends an idle session before the failover is over.',
  'heartbeat-short': 'The application takes the peer for dead although the session would go on.',
  'session-on-card': 'A session that runs on the address of a card ends with that card.',
} as const;

export type FindingId = keyof typeof CATALOGUE;
