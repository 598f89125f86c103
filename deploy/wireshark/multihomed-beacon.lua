-- Wireshark dissector for the beacons of multihomed: docs/beacon-protocol.md has the format.
--
-- Copy it to the personal folder for Lua plugins ("tshark -G folders" names it), or try it with
--   tshark -X lua_script:multihomed-beacon.lua -r capture.pcap
--
-- It calls malformed what the daemon counts as beacon-malformed. It doesn't check the tag: Wireshark's Lua offers no HMAC, and a
-- key has no business in a file of preferences.

local beacon = Proto("multihomed_beacon", "multihomed beacon")

local HEADER = 32
local TAG = 16
local LONGEST = 1500
local LONGEST_NAME = 63
local LONGEST_PLANE = 15
local MOST = 16
local STATES = { [0] = "down", [1] = "up", [2] = "drained" }

local function abbreviation(name)
  return "multihomed_beacon." .. name
end

local fields = {
  version = ProtoField.uint8(abbreviation("version"), "Version"),
  flags = ProtoField.uint8(abbreviation("flags"), "Flags", base.HEX),
  urgent = ProtoField.bool(abbreviation("urgent"), "Urgent", 8, nil, 0x01),
  length = ProtoField.uint16(abbreviation("length"), "Length"),
  key_id = ProtoField.uint32(abbreviation("key_id"), "Key id", base.HEX),
  epoch = ProtoField.uint64(abbreviation("epoch"), "Epoch"),
  sequence = ProtoField.uint64(abbreviation("sequence"), "Sequence"),
  interval = ProtoField.uint32(abbreviation("interval"), "Interval (µs)"),
  sent_on = ProtoField.uint8(abbreviation("sent_on"), "Sent on link"),
  links = ProtoField.uint8(abbreviation("links"), "Links"),
  aliases = ProtoField.uint8(abbreviation("aliases"), "Aliases"),
  zero = ProtoField.uint8(abbreviation("zero"), "Zero"),
  cluster = ProtoField.string(abbreviation("cluster"), "Cluster"),
  host = ProtoField.string(abbreviation("host"), "Host"),
  plane = ProtoField.string(abbreviation("plane"), "Sent on plane"),
  alias = ProtoField.ipv4(abbreviation("alias"), "Alias"),
  link = ProtoField.none(abbreviation("link"), "Link"),
  link_plane = ProtoField.string(abbreviation("link.plane"), "Plane"),
  link_priority = ProtoField.uint8(abbreviation("link.priority"), "Priority"),
  link_state = ProtoField.uint8(abbreviation("link.state"), "State", base.DEC, STATES),
  link_mac = ProtoField.ether(abbreviation("link.mac"), "MAC"),
  heard = ProtoField.none(abbreviation("heard"), "Heard"),
  heard_from = ProtoField.ipv4(abbreviation("heard.from"), "From"),
  heard_to = ProtoField.ipv4(abbreviation("heard.to"), "To"),
  heard_run = ProtoField.string(abbreviation("heard.run"), "Run"),
  heard_first = ProtoField.ipv4(abbreviation("heard.first"), "First"),
  heard_last = ProtoField.ipv4(abbreviation("heard.last"), "Last"),
  heard_count = ProtoField.uint64(abbreviation("heard.count"), "Hosts"),
  tag = ProtoField.bytes(abbreviation("tag"), "Tag (not checked)"),
  padding = ProtoField.bytes(abbreviation("padding"), "Padding"),
}
beacon.fields = fields

local malformed, undecoded = expert.group.MALFORMED, expert.group.UNDECODED
local severe, strange, usual = expert.severity.ERROR, expert.severity.WARN, expert.severity.CHAT
-- The first three by the names of the daemon's counters, less what they have in common.
local experts = {
  truncated = ProtoExpert.new(abbreviation("truncated"), "Truncated", malformed, severe),
  version = ProtoExpert.new(abbreviation("unknown_version"), "Unknown version", undecoded, strange),
  malformed = ProtoExpert.new(abbreviation("malformed"), "Malformed", malformed, severe),
  urgent = ProtoExpert.new(abbreviation("change"), "Something changed", expert.group.SEQUENCE, usual),
}
beacon.experts = experts

beacon.prefs.ethertype =
  Pref.uint("EtherType", 0x88b5, "beacon.ethertype of the configuration, as a decimal number (0x88B5 is 35061)")

local function dotted(address)
  return string.format(
    "%d.%d.%d.%d",
    math.floor(address / 0x1000000),
    math.floor(address / 0x10000) % 0x100,
    math.floor(address / 0x100) % 0x100,
    address % 0x100
  )
end

-- What ends the dissection: why the daemon drops the frame, by the name of an expert info, and what is wrong.
local function refuse(reason, text)
  error({ reason = reason, text = text }, 0)
end

local function check(condition, text)
  if not condition then
    refuse("malformed", text)
  end
end

-- Reads on through the content, of which `stop` is the end.
local Reading = {}
Reading.__index = Reading

function Reading:take(count, what)
  if self.at + count > self.stop then
    refuse("malformed", what .. " ends too early")
  end
  local range = self.tvb(self.at, count)
  self.at = self.at + count
  return range
end

function Reading:name(longest, what)
  local length = self:take(1, what):uint()
  check(length > 0 and length <= longest, what .. " is empty or too long")
  local range = self:take(length, what)
  check(range:raw():find("^[A-Za-z0-9][A-Za-z0-9._-]*$"), what .. " has characters that no name has")
  return range
end

-- An unsigned LEB128 number in its shortest form.
function Reading:number()
  local value, scale, byte = 0, 1, nil
  repeat
    check(scale < 2 ^ 35, "a number is too large")
    byte = self:take(1, "a number"):uint()
    value = value + byte % 0x80 * scale
    scale = scale * 0x80
  until byte < 0x80
  check(byte > 0 or scale == 0x80, "a number could be shorter")
  return value
end

local function add_header(tree, tvb)
  tree:add(fields.flags, tvb(1, 1)):add(fields.urgent, tvb(1, 1))
  tree:add(fields.length, tvb(2, 2))
  tree:add(fields.key_id, tvb(4, 4))
  local epoch = tree:add(fields.epoch, tvb(8, 8))
  local seconds = math.floor((tvb(8, 4):uint() * 2 ^ 32 + tvb(12, 4):uint()) / 1000)
  if seconds < 2 ^ 32 then
    epoch:append_text(" (" .. os.date("!%Y-%m-%d %H:%M:%S", seconds) .. " UTC)")
  end
  tree:add(fields.sequence, tvb(16, 8))
  tree:add(fields.interval, tvb(24, 4))
  tree:add(fields.sent_on, tvb(28, 1))
  tree:add(fields.links, tvb(29, 1))
  tree:add(fields.aliases, tvb(30, 1))
  tree:add(fields.zero, tvb(31, 1))
end

local function check_header(tvb)
  check(tvb(1, 1):uint() <= 1, "a flag that has no meaning")
  -- Up to 2^53-1.
  check(tvb(8, 4):uint() < 0x200000, "the epoch is too large")
  check(tvb(16, 4):uint() < 0x200000, "the sequence is too large")
  check(tvb(24, 4):uint() > 0, "the interval is 0")
  check(tvb(29, 1):uint() <= MOST, "too many links")
  check(tvb(28, 1):uint() < tvb(29, 1):uint(), "sent on a link that it doesn't state")
  check(tvb(30, 1):uint() > 0 and tvb(30, 1):uint() <= MOST, "the number of aliases")
  check(tvb(31, 1):uint() == 0, "a byte that should be zero")
end

local function is_host_address(range)
  local first = range(0, 1):uint()
  return first ~= 0 and first ~= 127 and first < 224
end

local function add_aliases(tree, reading, count)
  local seen = {}
  for _ = 1, count do
    local range = reading:take(4, "an alias")
    tree:add(fields.alias, range)
    check(is_host_address(range) and not seen[range:uint()], "an alias that can't be one, or is there already")
    seen[range:uint()] = true
  end
end

-- Returns the plane by which the beacon was sent, and what the info column says of the links.
local function add_links(tree, reading, count, sent_on)
  local seen, told, by = {}, {}, nil
  for index = 0, count - 1 do
    local start = reading.at
    local plane = reading:name(LONGEST_PLANE, "a plane")
    local priority, state, mac = reading:take(1, "a link"), reading:take(1, "a link"), reading:take(6, "a link")
    local item = tree:add(fields.link, reading.tvb(start, reading.at - start))
    item:add(fields.link_plane, plane)
    item:add(fields.link_priority, priority)
    item:add(fields.link_state, state)
    item:add(fields.link_mac, mac)
    local name, word = plane:raw(), STATES[state:uint()]
    check(word, "a state that has no meaning")
    check(mac:raw() ~= ("\0"):rep(6) and mac(0, 1):uint() % 2 == 0, "an address that no card has")
    check(not seen[name], "two links on one plane")
    seen[name] = true
    told[#told + 1] = name .. " " .. word
    item:append_text(": " .. told[#told])
    if index == sent_on then
      tree:add(fields.plane, plane):set_generated()
      by = name
    end
  end
  return by, table.concat(told, ", ")
end

-- Returns how many hosts are heard.
local function add_heard(tree, reading)
  local all = reading.tvb(reading.at, reading.stop - reading.at)
  local from, to = reading:take(4, "the range"), reading:take(4, "the range")
  local item = tree:add(fields.heard, all)
  item:add(fields.heard_from, from)
  item:add(fields.heard_to, to)
  check(from:uint() <= to:uint(), "the range ends before it begins")
  local next, count = from:uint(), 0
  while reading.at < reading.stop do
    local at = reading.at
    local gap = reading:number()
    local first = next + gap
    local last = first + reading:number()
    check(last <= to:uint(), "a run beyond the range")
    check(gap > 0 or count == 0, "a run that goes on where the last one ended")
    local range = reading.tvb(at, reading.at - at)
    local run = item:add(fields.heard_run, range, first == last and dotted(first) or dotted(first) .. "-" .. dotted(last))
    run:add(fields.heard_first, range, Address.ip(dotted(first)))
    run:add(fields.heard_last, range, Address.ip(dotted(last)))
    count = count + last - first + 1
    next = last + 1
  end
  item:add(fields.heard_count, all, UInt64.new(count % 2 ^ 32, math.floor(count / 2 ^ 32))):set_generated()
  return count
end

local function add_content(tree, tvb, stop, pinfo)
  local reading = setmetatable({ tvb = tvb, at = HEADER, stop = stop }, Reading)
  check_header(tvb)
  local cluster = reading:name(LONGEST_NAME, "the cluster's name")
  tree:add(fields.cluster, cluster)
  local host = reading:name(LONGEST_NAME, "the host's name")
  tree:add(fields.host, host)
  add_aliases(tree, reading, tvb(30, 1):uint())
  local plane, links = add_links(tree, reading, tvb(29, 1):uint(), tvb(28, 1):uint())
  local heard = string.format("hears %.0f", add_heard(tree, reading))
  local urgent = tvb(1, 1):uint() == 1 and "[urgent] " or ""
  local sender = urgent .. cluster:raw() .. "/" .. host:raw() .. " on " .. plane
  local sequence = "sequence " .. tostring(tvb(16, 8):uint64())
  pinfo.cols.info = table.concat({ sender .. ": " .. links, heard, sequence }, "; ")
end

-- Shows what can be read; refuses what the daemon would not take.
local function add_beacon(tree, tvb, pinfo)
  local captured = tvb:len()
  tree:add(fields.version, tvb(0, 1))
  if captured < HEADER + TAG then
    refuse("truncated", "shorter than any beacon")
  elseif tvb(0, 1):uint() ~= 1 then
    refuse("version", "only version 1 is known")
  end
  add_header(tree, tvb)
  local length = tvb(2, 2):uint()
  check(length <= LONGEST, "longer than any beacon")
  if captured < length then
    refuse("truncated", tvb:reported_len() < length and "shorter than it states" or "cut by the capture")
  end
  check(length >= HEADER + TAG, "no room for a name")
  if tvb(1, 1):uint() == 1 then
    tree:add_proto_expert_info(experts.urgent)
  end
  add_content(tree, tvb, length - TAG, pinfo)
  tree:add(fields.tag, tvb(length - TAG, TAG))
  if captured > length then
    tree:add(fields.padding, tvb(length, captured - length))
  end
end

function beacon.dissector(tvb, pinfo, root)
  if tvb:len() == 0 then
    return 0
  end
  pinfo.cols.protocol = "MULTIHOMED"
  local tree = root:add(beacon, tvb())
  local good, failure = pcall(add_beacon, tree, tvb, pinfo)
  if not good and type(failure) ~= "table" then
    error(failure, 0)
  elseif not good then
    tree:add_proto_expert_info(experts[failure.reason], failure.text)
    pinfo.cols.info = "[beacon-" .. failure.reason .. ": " .. failure.text .. "]"
  end
end

local registered
local function register()
  local ethertypes = DissectorTable.get("ethertype")
  if registered then
    ethertypes:remove(registered, beacon)
  end
  registered = beacon.prefs.ethertype
  ethertypes:add(registered, beacon)
end

beacon.prefs_changed = register
register()
