# SPDX-License-Identifier: GPL-2.0-or-later
"""Random rulesets over the vocabulary of nftables, and random packets that hit them."""
import struct

CLIENTS = {4: [f"10.0.0.{n}" for n in range(2, 6)], 6: [f"2001:db8:0::{n}" for n in range(2, 6)]}
SERVERS = {4: [f"10.0.1.{n}" for n in range(2, 6)], 6: [f"2001:db8:1::{n}" for n in range(2, 6)]}
GATEWAY = {4: ["10.0.0.1", "10.0.1.1"], 6: ["2001:db8:0::1", "2001:db8:1::1"]}
FAR = {4: ["192.0.2.5", "198.51.100.9"], 6: ["2001:db8:ffff::5"]}
PORTS = [22, 53, 80, 443, 1000, 1005, 3128, 8080, 40000, 40001]
MARKS = [1, 2, 0x10, 0x20, 0xFF00]


class Packet:
    def __init__(self, version, ip, device, destination, mark, words, flow=None):
        self.version, self.ip, self.device, self.destination, self.mark, self.words, self.flow = version, ip, device, destination, mark, words, flow
        self.ether_type = b"\x08\x00" if version == 4 else b"\x86\xdd"

    def __str__(self):
        return self.words


def address(text):
    import socket
    return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    s = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while s >> 16:
        s = (s & 0xFFFF) + (s >> 16)
    return ~s & 0xFFFF


def transport(version, proto, src, dst, body, at):
    """Puts the checksum in."""
    pseudo = b"" if proto == 1 else address(src) + address(dst) + (struct.pack("!BBH", 0, proto, len(body)) if version == 4 else struct.pack("!IHBB", len(body), 0, 0, proto))
    c = checksum(pseudo + body)
    if proto == 17 and not c:
        c = 0xFFFF
    return body[:at] + struct.pack("!H", c) + body[at + 2:]


def ip_packet(version, proto, src, dst, body, ttl=64, tos=0, ident=1, df=True, options=b"", flow=0):
    if version == 6:
        return struct.pack("!IHBB", 6 << 28 | tos << 20 | flow, len(options) + len(body), 0 if options else proto, ttl) + address(src) + address(dst) + options + body
    h = struct.pack("!BBHHHBBH", 0x45 + len(options) // 4, tos, 20 + len(options) + len(body), ident, 0x4000 if df else 0, ttl, proto, 0) + address(src) + address(dst) + options
    return h[:10] + struct.pack("!H", checksum(h)) + h[12:] + body


class Generator:
    def __init__(self, random):
        self.r = random
        self.used = set()
        self.flows = []
        self.sets, self.maps, self.vmaps, self.dynamic, self.objects = {}, {}, [], [], {}
        self.nat_used = False

    # ---- values ----

    def one(self, *choices):
        return self.r.choice(choices)

    def any(self, choices):
        return self.r.choice(choices)

    def host(self, v):
        return self.any(CLIENTS[v] + SERVERS[v] + GATEWAY[v] + FAR[v])

    def hosts(self, v, intervals=True):
        out = []
        for _ in range(self.r.randint(1, 4)):
            out.append(self.host(v))
        if intervals and self.r.random() < .5:
            out = [self.one("10.0.0.4/31", "10.0.1.0/30", "10.0.0.2-10.0.0.3", "192.0.2.0/24") if v == 4 else self.one("2001:db8:0::/64", "2001:db8:1::2-2001:db8:1::3")]
        return ", ".join(dict.fromkeys(out))

    def port(self):
        return self.any(PORTS)

    def ports(self):
        if self.r.random() < .3:
            return self.one("20-100", "1000-1010", "443-8080, 22", "0-52, 54-1023")
        return ", ".join(str(p) for p in self.r.sample(PORTS, self.r.randint(1, 4)))

    def equal(self):
        return self.one("", "", "!= ")

    def order(self):
        return self.one("<", ">", "<=", ">=", "!=", "==")

    # ---- matches: (name, text) ----

    def match_ip4(self):
        r = self.r
        return self.any([
            ("ip saddr", lambda: f"ip saddr {self.equal()}{self.host(4)}"),
            ("ip daddr", lambda: f"ip daddr {self.equal()}{self.host(4)}"),
            ("ip saddr set", lambda: f"ip saddr {self.equal()}{{ {self.hosts(4)} }}"),
            ("ip daddr set", lambda: f"ip daddr {self.equal()}{{ {self.hosts(4)} }}"),
            ("ip prefix", lambda: f"ip {self.one('saddr', 'daddr')} {self.equal()}{self.one('10.0.0.0/24', '10.0.1.0/24', '10.0.0.4/30', '10.0.0.0/9')}"),
            ("ip range", lambda: f"ip {self.one('saddr', 'daddr')} {self.equal()}10.0.{r.randint(0, 1)}.2-10.0.{r.randint(0, 1) + 0 * 2}.4" if False else f"ip saddr {self.equal()}10.0.0.2-10.0.0.4"),
            ("ip mask", lambda: f"ip {self.one('saddr', 'daddr')} & 0.0.0.{self.one(1, 3, 255)} == 0.0.0.{r.randint(0, 3)}"),
            ("ip ttl", lambda: f"ip ttl {self.order()} {self.one(1, 2, 63, 64, 128)}"),
            ("ip dscp", lambda: f"ip dscp {self.equal()}{self.one('cs0', 'cs1', 'af11', 'ef')}"),
            ("ip ecn", lambda: f"ip ecn {self.equal()}{self.one('not-ect', 'ce', 'ect0')}"),
            ("ip length", lambda: f"ip length {self.order()} {self.one(28, 40, 44, 60, 100)}"),
            ("ip protocol", lambda: f"ip protocol {self.equal()}{self.one('tcp', 'udp', 'icmp', '{ tcp, udp }')}"),
            ("ip id", lambda: f"ip id {self.order()} {self.one(1, 2, 1000)}"),
            ("ip frag-off", lambda: f"ip frag-off & 0x{self.one('4000', '1fff', '2000')} {self.one('==', '!=')} 0"),
            ("ip hdrlength", lambda: f"ip hdrlength {self.order()} 5"),
            ("ip concat", lambda: f"ip saddr . ip daddr {{ {self.host(4)} . {self.host(4)}, {self.any(CLIENTS[4])} . {self.any(SERVERS[4])} }}"),
            ("ip concat port", lambda: f"ip daddr . tcp dport {{ {self.any(SERVERS[4])} . {self.port()}, 10.0.1.0/24 . 20-100 }}"),
            ("ip concat proto", lambda: f"ip saddr . meta l4proto {{ {self.any(CLIENTS[4])} . tcp, {self.any(CLIENTS[4])} . udp, {self.any(CLIENTS[4])} . icmp }}"),
            ("@nh", lambda: f"@nh,{self.one('96,32', '128,32')} {self.one('==', '!=')} 0x0a00{self.one('00', '01')}0{r.randint(1, 5)}"),
            ("@nh bits", lambda: f"@nh,{self.one('0,4', '4,4', '8,8', '64,8', '124,4')} {self.order()} {self.one(1, 4, 5, 63)}" if False else f"@nh,{self.one('8,8', '64,8', '72,8')} {self.order()} {self.one(0, 6, 17, 63, 64)}"),
            ("ip option", lambda: f"ip option {self.one('rr', 'ra', 'lsrr', 'ssrr')} {self.one('exists', 'missing')}"),
        ])

    def match_ip6(self):
        return self.any([
            ("ip6 saddr", lambda: f"ip6 saddr {self.equal()}{self.host(6)}"),
            ("ip6 daddr", lambda: f"ip6 daddr {self.equal()}{self.host(6)}"),
            ("ip6 saddr set", lambda: f"ip6 saddr {self.equal()}{{ {self.hosts(6)} }}"),
            ("ip6 prefix", lambda: f"ip6 {self.one('saddr', 'daddr')} {self.equal()}{self.one('2001:db8:0::/64', '2001:db8:1::/64', '2001:db8::/32')}"),
            ("ip6 hoplimit", lambda: f"ip6 hoplimit {self.order()} {self.one(1, 63, 64, 255)}"),
            ("ip6 nexthdr", lambda: f"ip6 nexthdr {self.equal()}{self.one('tcp', 'udp', 'ipv6-icmp', '{ tcp, udp }')}"),
            ("ip6 length", lambda: f"ip6 length {self.order()} {self.one(8, 20, 24, 60)}"),
            ("ip6 dscp", lambda: f"ip6 dscp {self.equal()}{self.one('cs0', 'cs1', 'ef')}"),
            ("ip6 flowlabel", lambda: f"ip6 flowlabel {self.order()} {self.one(0, 5)}"),
            ("exthdr", lambda: f"exthdr {self.one('hbh', 'frag', 'rt', 'dst', 'mh')} {self.one('exists', 'missing')}"),
            ("exthdr field", lambda: f"{self.one('hbh', 'dst')} {self.one('nexthdr tcp', 'hdrlength 0', 'nexthdr != udp')}"),
            ("ip6 concat", lambda: f"ip6 saddr . ip6 daddr {{ {self.any(CLIENTS[6])} . {self.any(SERVERS[6])}, {self.host(6)} . {self.host(6)} }}"),
        ])

    def match_transport(self):
        flags = lambda: self.one("syn", "ack", "fin", "rst", "psh", "urg")
        return self.any([
            ("tcp dport", lambda: f"tcp dport {self.equal()}{self.port()}"),
            ("tcp sport", lambda: f"tcp sport {self.order()} {self.port()}"),
            ("tcp dport set", lambda: f"tcp dport {self.equal()}{{ {self.ports()} }}"),
            ("udp dport", lambda: f"udp dport {self.equal()}{self.port()}"),
            ("udp sport set", lambda: f"udp sport {{ {self.ports()} }}"),
            ("udp length", lambda: f"udp length {self.order()} {self.one(8, 12, 100)}"),
            ("th dport", lambda: f"meta l4proto {{ tcp, udp }} th dport {self.equal()}{self.one(str(self.port()), '{ ' + self.ports() + ' }', '20-100')}"),
            ("tcp flags", lambda: f"tcp flags {self.equal()}{flags()}"),
            ("tcp flags mask", lambda: f"tcp flags & (fin | syn | rst | ack) {self.one('==', '!=')} {flags()}"),
            ("tcp flags set", lambda: "tcp flags { syn, syn | ack, ack, psh | ack }"),
            ("tcp window", lambda: f"tcp window {self.order()} {self.one(0, 1000, 64240)}"),
            ("tcp sequence", lambda: f"tcp sequence {self.order()} {self.one(1000, 2000)}"),
            ("tcp doff", lambda: f"tcp doff {self.order()} {self.one(5, 6)}"),
            ("tcp option", lambda: f"tcp option {self.one('maxseg', 'window', 'sack-permitted', 'timestamp', 'eol', 'nop')} {self.one('exists', 'missing')}"),
            ("tcp option maxseg", lambda: f"tcp option maxseg size {self.order()} {self.one(536, 1000, 1460)}"),
            ("tcp option window", lambda: f"tcp option window count {self.order()} {self.one(3, 7)}"),
            ("icmp type", lambda: f"icmp type {self.equal()}{self.one('echo-request', 'echo-reply', '{ echo-request, destination-unreachable }', 'time-exceeded')}"),
            ("icmp code", lambda: f"icmp code {self.order()} {self.one(0, 1, 3)}"),
            ("icmp id", lambda: f"icmp id {self.order()} {self.one(1, 2, 7)}"),
            ("icmpv6 type", lambda: f"icmpv6 type {self.equal()}{self.one('echo-request', 'echo-reply', '{ echo-request, packet-too-big }', 'nd-neighbor-solicit')}"),
            ("meta l4proto", lambda: f"meta l4proto {self.equal()}{self.one('tcp', 'udp', 'icmp', 'ipv6-icmp', '{ tcp, udp }', '{ icmp, ipv6-icmp, tcp }')}"),
            ("@th", lambda: f"@th,{self.one('0,16', '16,16')} {self.order()} {self.port()}"),
            ("tcp dport mask", lambda: f"tcp dport & 0x{self.one('1', '0f', 'ff00')} {self.one('==', '!=')} {self.r.randint(0, 1)}"),
        ])

    def match_meta(self, hook):
        # in postrouting a packet of a raw socket has an incoming device, one of another socket has none: nothing to compare
        device = self.one("iifname", "oifname") if hook == "forward" else "oifname" if hook in ("output", "postrouting", "any") else "iifname"
        side = device[0]
        return self.any([
            ("meta iifname", lambda: f"{device} {self.equal()}{self.one('eth0', 'eth1', '{ eth0, lo }', '{ eth0, eth1 }')}".replace("eth", '"eth').replace("0", '0"').replace("1", '1"').replace("lo ", '"lo" ')),
            ("meta iifname wildcard", lambda: f'{device} {self.equal()}"{self.one("eth*", "e*", "x*")}"'),
            ("meta iif", lambda: f'{side}if {self.equal()}"{self.one("eth0", "eth1", "lo")}"'),
            ("meta iifgroup", lambda: f"{side}ifgroup {self.equal()}{self.one(5, 7)}"),
            ("meta iiftype", lambda: f"{side}iftype {self.equal()}ether"),
            ("meta iifkind", lambda: f'{side}ifkind {self.equal()}"{self.one("veth", "bridge")}"'),
            ("meta nfproto", lambda: f"meta nfproto {self.one('ipv4', 'ipv6')}"),
            ("meta protocol", lambda: f"meta protocol {self.one('ip', 'ip6')}"),
            ("meta length", lambda: f"meta length {self.order()} {self.one(28, 40, 44, 60, 64)}"),
            ("meta mark", lambda: f"meta mark {self.order()} {self.any(MARKS)}"),
            ("meta mark mask", lambda: f"meta mark & 0x{self.one('ff', '10', 'ff00')} {self.one('==', '!=')} {self.one(0, 1, 0x10)}"),
            ("meta mark set", lambda: "meta mark { 1, 2, 16-32 }"),
            ("meta pkttype", lambda: f"meta pkttype {self.equal()}{self.one('host', 'broadcast', 'other')}"),
            ("meta priority", lambda: f"meta priority {self.equal()}{self.one('none', '0:6', '1:2')}"),
            ("meta iif . proto", lambda: f'{device} . meta l4proto {{ "eth0" . tcp, "eth1" . udp, "eth0" . icmp }}'),
            ("meta day", lambda: f'meta day {self.one("!= ", "")}"{self.one("Monday", "Friday")}"'),
            ("meta hour", lambda: 'meta hour "00:00"-"23:59"'),
            ("meta rtclassid", lambda: "rtclassid 0"),
            ("meta skuid", lambda: f"meta skuid {self.equal()}0" if hook != "output" else "meta mark != 0"),
            ("meta ipsec", lambda: "meta ipsec missing" if hook != "output" else "meta mark != 0"),
        ])

    def match_ct(self):
        return self.any([
            ("ct state", lambda: f"ct state {self.equal()}{self.one('new', 'established', 'established,related', 'invalid', 'untracked', '{ new, established }')}"),
            ("ct direction", lambda: f"ct direction {self.one('original', 'reply')}"),
            ("ct status", lambda: f"ct status {self.one('seen-reply', 'assured', 'confirmed', 'snat', 'dnat')}"),
            ("ct mark", lambda: f"ct mark {self.order()} {self.any([0] + MARKS)}"),
            ("ct mark mask", lambda: f"ct mark & 0xff {self.one('==', '!=')} {self.one(0, 1, 0x10)}"),
            ("ct original saddr", lambda: f"ct original ip saddr {self.equal()}{self.host(4)}"),
            ("ct reply daddr", lambda: f"ct reply ip {self.one('saddr', 'daddr')} {self.equal()}{self.host(4)}"),
            ("ct original ip6", lambda: f"ct original ip6 daddr {self.equal()}{self.host(6)}"),
            ("ct proto-dst", lambda: f"meta l4proto {{ tcp, udp }} ct {self.one('original', 'reply')} proto-{self.one('dst', 'src')} {self.order()} {self.port()}"),
            ("ct l3proto", lambda: f"ct l3proto {self.one('ipv4', 'ipv6')}"),
            ("ct protocol", lambda: f"ct protocol {self.one('tcp', 'udp', 'icmp')}"),
            ("ct packets", lambda: f"ct {self.one('', 'original ', 'reply ')}{self.one('packets', 'bytes')} {self.one('== 0', '> 0')}"),
            ("ct expiration", lambda: f"ct expiration {self.one('>', '<')} {self.one('5s', '45s', '1h')}"),
            ("ct zone", lambda: f"ct zone {self.equal()}0"),
            ("ct label", lambda: "ct helper != \"ftp\"" if self.r.random() < .5 else "ct state new"),
        ])

    def match_route(self, hook, v):
        out = []
        if hook in ("prerouting", "input", "forward"):
            out += [("fib oif", lambda: f"fib saddr . iif oif {self.one('missing', 'exists')}"), ("fib oif value", lambda: f'fib daddr oif {self.equal()}"{self.one("eth0", "eth1")}"'),
                    ("fib oifname", lambda: f'fib saddr oifname "{self.one("eth0", "eth1")}"')]
        out += [("fib type", lambda: f"fib {self.one('saddr', 'daddr')} type {self.equal()}{self.one('local', 'unicast', 'broadcast', '{ local, multicast }')}")]
        if hook in ("prerouting", "input"):
            out += [("fib type iif", lambda: f"fib daddr . iif type {self.equal()}local")]
        if hook in ("forward", "output", "postrouting"):
            out += [("rt nexthop", lambda: f"rt ip nexthop {self.equal()}{self.any(SERVERS[4] + ['10.0.1.254'])}" if v != 6 else f"rt ip6 nexthop {self.equal()}{self.any(SERVERS[6])}"),
                    ("rt classid", lambda: "rt classid 0")]
        return self.any(out)

    def match_named(self, family, v):
        choices = []
        if family != "ip6":
            choices += [("set @", lambda: f"ip {self.one('saddr', 'daddr')} {self.equal()}@{self.one('hosts', 'nets', 'dyn')}"),
                        ("set @concat", lambda: "ip saddr . tcp dport @pairs"), ("set @concat interval", lambda: "ip daddr . th dport @ranges" if False else "ip daddr . tcp dport @ranges")]
        if family != "ip":
            choices += [("set @6", lambda: f"ip6 {self.one('saddr', 'daddr')} {self.equal()}@{self.one('hosts6', 'nets6')}")]
        choices += [("set @ports", lambda: f"{self.one('tcp', 'udp')} {self.one('sport', 'dport')} {self.equal()}@ports"), ("set @marks", lambda: "meta mark @marks")]
        return self.any(choices)

    def match_link(self, hook):
        return self.any([("ether saddr", lambda: f"ether saddr {self.equal()}{self.one('02:00:00:00:00:c0', '02:00:00:00:00:c1')}"),
                         ("ether type", lambda: f"ether type {self.one('ip', 'ip6')}"), ("@ll", lambda: f"@ll,{self.one('0,48', '48,48')} {self.one('==', '!=')} 0x0200000000c{self.r.randint(0, 1)}")])

    def match(self, family, hook):
        x = self.r.random()
        v = 4 if family == "ip" else 6 if family == "ip6" else self.one(4, 6)
        if x < .22:
            return self.match_ip4() if v == 4 else self.match_ip6()
        if x < .48:
            return self.match_transport()
        if x < .62:
            return self.match_meta(hook)
        if x < .78:
            return self.match_ct()
        if x < .84:
            return self.match_route(hook, v)
        if x < .95:
            return self.match_named(family, v)
        return self.match_link(hook)

    # ---- statements ----

    def statement(self, family, hook):
        ip4, ip6 = family != "ip6", family != "ip"
        s = [
            ("counter", lambda: "counter"),
            ("counter name", lambda: "counter name hits"),
            ("limit", lambda: f"limit rate {self.one('', 'over ')}{self.one('1/day', '3/hour', '2/day')} burst {self.one(1, 3, 8)} packets"),
            ("limit bytes", lambda: f"limit rate {self.one('', 'over ')}{self.one(100, 400)} bytes/day" if False else f"limit rate {self.one('', 'over ')}1 kbytes/hour"),
            ("limit name", lambda: "limit name slow"),
            ("quota", lambda: f"quota {self.one('', 'over ')}{self.one(100, 500, 2000)} bytes"),
            ("quota name", lambda: "quota name month"),
            ("log", lambda: "log group 5"),
            ("meta mark set", lambda: f"meta mark set {self.any(MARKS)}"),
            ("meta mark set or", lambda: f"meta mark set meta mark {self.one('or', 'xor')} 0x{self.one('1', '10', '100')}"),
            ("meta mark set and", lambda: "meta mark set meta mark and 0xffff00ff"),
            ("meta mark set ct", lambda: "meta mark set ct mark"),
            ("meta mark set numgen", lambda: f"meta mark set numgen inc mod {self.one(2, 3)} offset {self.one(0, 5)}"),
            ("meta mark set jhash", lambda: f"meta mark set jhash {'ip saddr' if family == 'ip' else 'ip6 saddr' if family == 'ip6' else self.one('tcp sport', 'tcp dport . tcp sport')} mod {self.one(2, 16)} seed 0x{self.one('dead', 'beef')}"),
            ("meta mark set map", lambda: f"meta mark set tcp dport map {{ 22 : 1, 80 : 2, 443-1005 : 0x10 }}"),
            ("meta priority set", lambda: f"meta priority set {self.one('1:2', '0:6', 'none')}"),
            ("meta pkttype set", lambda: "meta pkttype set host"),
            ("ct mark set", lambda: f"ct mark set {self.one(str(self.any(MARKS)), 'meta mark', 'ct mark or 0x1')}"),
            ("dynset add", lambda: self.dynset("add", family)),
            ("dynset update", lambda: self.dynset("update", family)),
            ("dynset delete", lambda: self.dynset("delete", family)),
            ("tcp option maxseg set", lambda: f"tcp flags syn tcp option maxseg size set {self.one(536, 1000, 1400)}"),
            ("tcp option reset", lambda: "reset tcp option timestamp"),
            ("last", lambda: "last"),
        ]
        if ip4:
            s += [("ip dscp set", lambda: f"ip dscp set {self.one('cs0', 'cs1', 'af11')}"), ("ip ttl set", lambda: f"ip ttl set {self.one(64, 30)}"),
                  ("meta mark set @map", lambda: "meta mark set ip saddr map @tomark")]
        if ip6:
            s += [("ip6 dscp set", lambda: f"ip6 dscp set {self.one('cs0', 'cs1')}"), ("ip6 hoplimit set", lambda: f"ip6 hoplimit set {self.one(64, 30)}")]
        if hook in ("raw", "rawout"):
            s += [("notrack", lambda: "notrack")] * 2
        return self.any(s)

    def dynset(self, op, family):
        key = "ip saddr" if family != "ip6" else "ip6 saddr"
        name = "dyn" if family != "ip6" else "dyn6"
        if op == "delete":
            return f"delete @{name} {{ {key} }}"
        extra = self.one("", "", " timeout 1h", " limit rate 2/day burst 2 packets", " limit rate over 1/day burst 3 packets", " counter", " quota over 200 bytes")
        return f"{op} @{name if 'limit' not in extra and 'quota' not in extra and 'counter' not in extra else name + 'x'} {{ {key}{extra} }}"

    def verdict(self, hook, chains, terminal=.75):
        x = self.r.random()
        if chains and x < .25:
            return ("jump" if x < .15 else "goto", f"{'jump' if x < .15 else 'goto'} {self.any(chains)}")
        if x > terminal:
            return ("continue", "continue") if x > .9 else ("none", "")
        if hook in ("input", "forward", "output") and x < .33:
            return ("reject", self.one("reject", "meta l4proto tcp reject with tcp reset", "reject with icmpx type port-unreachable") if hook != "x" else "")
        return self.any([("accept", "accept")] * 3 + [("drop", "drop")] * 2 + [("return", "return")] * 2)

    def vmap(self, family, hook, chains):
        to = lambda: self.one("accept", "drop", "continue", "return", *[f"{j} {c}" for c in chains for j in ("jump", "goto")])
        choices = [
            ("vmap dport", lambda: f"tcp dport vmap {{ {self.port()} : {to()}, 0-21 : {to()}, 1100-3000 : {to()} }}"),
            ("vmap l4proto", lambda: f"meta l4proto vmap {{ tcp : {to()}, udp : {to()}, icmp : {to()} }}"),
            ("vmap ct state", lambda: f"ct state vmap {{ new : {to()}, established : {to()}, invalid : {to()} }}"),
            ("vmap iifname", lambda: f'iifname vmap {{ "eth0" : {to()}, "eth1" : {to()} }}' if hook not in ("output", "rawout", "postrouting", "any") else f'oifname vmap {{ "eth0" : {to()}, "lo" : {to()} }}'),
            ("vmap mark", lambda: f"meta mark vmap {{ 1 : {to()}, 2-16 : {to()} }}"),
        ]
        if family != "ip6":
            choices += [("vmap ip concat", lambda: f"ip saddr . meta l4proto vmap {{ {self.any(CLIENTS[4])} . tcp : {to()}, {self.any(SERVERS[4])} . tcp : {to()} }}"),
                        ("vmap ip", lambda: f"ip daddr vmap {{ 10.0.1.0/30 : {to()}, 10.0.0.1 : {to()} }}")]
        return self.any(choices)

    # ---- rules, chains, tables ----

    def rule(self, family, hook, chains):
        words, parts = [], []
        real = {"raw": "prerouting", "rawout": "output"}.get(hook, hook)
        for _ in range(self.r.choice((0, 1, 1, 1, 2, 2, 3))):
            name, make = self.match(family, real)
            words.append(name)
            parts.append(make())
        for _ in range(self.r.choice((0, 0, 1, 1, 2))):
            name, make = self.statement(family, hook)
            words.append(name)
            parts.append(make())
        if self.r.random() < .15:
            name, make = self.vmap(family, real, chains)
            words.append(name)
            parts.append(make())
        else:
            name, text = self.verdict(real, chains, .6)
            if name != "none":
                words.append(name)
                parts.append(text)
        if not parts:
            parts, words = ["counter"], ["counter"]
        return "\t\t" + " ".join(parts) + ' comment "' + "; ".join(words)[:120] + '"'

    def nat_rule(self, family, hook):
        v = 4 if family == "ip" or (family == "inet" and self.r.random() < .6) else 6
        ip = "ip" if v == 4 else "ip6"
        parts, words = [], []
        for _ in range(self.r.randint(0, 2)):
            name, make = self.r.choice((self.match_transport, lambda: self.match_ip4() if v == 4 else self.match_ip6(), lambda: self.match_meta(hook)))()
            words.append(name)
            parts.append(make())
        say = f"{ip} " if family == "inet" else ""
        port = lambda: f"[{self.any(SERVERS[6])}]:{self.port()}" if v == 6 else f"{self.any(SERVERS[4])}:{self.port()}"
        if hook in ("prerouting", "output"):
            nat = self.any([
                ("dnat", f"dnat {say}to {self.any(SERVERS[v])}"), ("dnat port", f"{self.one('tcp', 'udp')} dport {self.port()} dnat {say}to {port()}"),
                ("dnat range", f"dnat {say}to {SERVERS[v][0]}-{SERVERS[v][3]}"), ("dnat persistent", f"dnat {say}to {SERVERS[v][0]}-{SERVERS[v][2]} persistent"),
                ("dnat ports", f"meta l4proto tcp dnat {say}to {self.any(SERVERS[4])}:1000-1005" if v == 4 else f"dnat {say}to {self.any(SERVERS[6])}"),
                ("dnat map", f"dnat {say}to tcp dport map {{ 80 : {self.any(SERVERS[v])}, 22 : {self.any(SERVERS[v])} }}"),
                ("dnat map port", f"dnat {say}to tcp dport map {{ 80 : {SERVERS[4][1]} . 8080, 443 : {SERVERS[4][2]} . 443 }}" if v == 4 else f"dnat {say}to {self.any(SERVERS[6])}"),
                ("redirect", "redirect"), ("redirect port", f"tcp dport {self.port()} redirect to :{self.port()}"), ("accept", "accept")])
        else:
            nat = self.any([
                ("masquerade", "masquerade"), ("snat", f"snat {say}to {self.any(CLIENTS[v] + GATEWAY[v])}"),
                ("snat range", f"snat {say}to {CLIENTS[v][0]}-{CLIENTS[v][3]}"), ("snat persistent", f"snat {say}to {CLIENTS[v][0]}-{CLIENTS[v][2]} persistent"),
                ("snat map", f"snat {say}to ip saddr map {{ {CLIENTS[4][0]} : 10.0.1.1, {CLIENTS[4][1]} : 10.0.1.9 }}" if v == 4 else "masquerade"),
                ("snat port", f"meta l4proto tcp snat {say}to 10.0.1.1:{self.port()}" if v == 4 else "masquerade"), ("accept", "accept")])
        words.append(nat[0])
        parts.append(nat[1])
        return "\t\t" + " ".join(parts) + ' comment "' + "; ".join(words)[:120] + '"'

    def declarations(self, family):
        out = ["\tcounter hits {", "\t}", "\tquota month {", f"\t\t{self.one('', 'over ')}{self.one(300, 3000)} bytes", "\t}", "\tlimit slow {", f"\t\trate {self.one('', 'over ')}2/day burst 4 packets", "\t}"]
        sets = [("ports", "inet_service", "interval", self.ports()), ("marks", "mark", "interval", "1, 16-32")]
        if family != "ip6":
            sets += [("hosts", "ipv4_addr", "", self.hosts(4, False)), ("nets", "ipv4_addr", "interval", "10.0.0.4/31, 10.0.1.0/30, 192.0.2.0/24"),
                     ("pairs", "ipv4_addr . inet_service", "", ", ".join(dict.fromkeys(f"{self.any(CLIENTS[4])} . {self.port()}" for _ in range(4)))),
                     ("ranges", "ipv4_addr . inet_service", "interval", f"10.0.1.0/30 . 20-100, {self.any(SERVERS[4])} . 443, 10.0.1.4-10.0.1.5 . 1000-9000"),
                     ("dyn", "ipv4_addr", "dynamic,timeout", self.one("", self.any(CLIENTS[4]))), ("dynx", "ipv4_addr", "dynamic", "")]
            out += ["\tmap tomark {", "\t\ttype ipv4_addr : mark", "\t\tflags interval", f"\t\telements = {{ 10.0.0.0/30 : {self.any(MARKS)}, 10.0.1.2 : {self.any(MARKS)} }}", "\t}"]
        if family != "ip":
            sets += [("hosts6", "ipv6_addr", "", self.hosts(6, False)), ("nets6", "ipv6_addr", "interval", "2001:db8:0::4/127, 2001:db8:1::/125"),
                     ("dyn6", "ipv6_addr", "dynamic,timeout", ""), ("dyn6x", "ipv6_addr", "dynamic", "")]
        for name, type_, flags, elements in sets:
            out += [f"\tset {name} {{", f"\t\ttype {type_}"] + ([f"\t\tflags {flags}"] if flags else [])
            if name.startswith("dyn"):
                out += [f"\t\tsize {self.one(2, 64, 65535)}"]
            out += ([f"\t\telements = {{ {elements} }}"] if elements else []) + ["\t}"]
        return out

    def table(self, family, name, hooks):
        out = [f"table {family} {name} {{"] + self.declarations(family)
        regular = [f"r{i}" for i in range(self.r.randint(0, 3))]
        for i in reversed(range(len(regular))):  # later ones first: a chain jumps only to those that are there
            out += [f"\tchain {regular[i]} {{"] + [self.rule(family, self.any(hooks)[0] if False else "any", regular[i + 1:]) for _ in range(self.r.randint(0, 4))] + ["\t}"]
        for hook, kind, priority in hooks:
            place = {"raw": "prerouting", "rawout": "output"}.get(hook, hook)
            out += [f"\tchain {hook}{str(priority).replace('-', 'm')}{kind[0]} {{", f"\t\ttype {kind} hook {place} priority {priority}; policy {self.one('accept', 'accept', 'accept', 'drop') if kind == 'filter' else 'accept'};"]
            if kind == "nat":
                out += [self.nat_rule(family, place) for _ in range(self.r.randint(1, 4))]
            else:
                out += [self.rule(family, hook, regular) for _ in range(self.r.randint(1, 6))]
            out += ["\t}"]
        return out + ["}"]

    def ruleset(self):
        out = ["table inet oracle {", "\tchain in {", "\t\ttype filter hook prerouting priority -450;", "\t\tmeta nftrace set 1", "\t}", "\tchain out {",
               "\t\ttype filter hook output priority -450;", "\t\tmeta mark < 0x80000000 drop", "\t\tmeta nftrace set 1", "\t}", "}"]
        places = [("raw", "filter", -300), ("prerouting", "filter", -150), ("prerouting", "filter", -50), ("prerouting", "nat", -100), ("input", "filter", 0), ("forward", "filter", 0),
                  ("forward", "filter", 10), ("postrouting", "filter", 0), ("postrouting", "nat", 100), ("output", "filter", 0), ("rawout", "filter", -300), ("output", "nat", -100),
                  ("postrouting", "filter", 150), ("output", "route", -150)]
        for i in range(self.r.choice((1, 1, 2, 3))):
            family = self.one("ip", "ip6", "inet", "inet")
            hooks = [p for p in places if self.r.random() < .35] or [("forward", "filter", 0)]
            out += self.table(family, f"t{i}", hooks)
            self.nat_used |= any(h[1] == "nat" for h in hooks)
        return out

    # ---- packets ----

    def tcp(self, flow, flags=None):
        r = self.r
        seq, ack = flow.get("seq", 1000), flow.get("ack", 0)
        if flags is None:
            flags = self.one(2, 2, 2, 0x10, 0x18, 0x11, 4, 0x12, 0, 0x29, 0x14)
        if r.random() < .1:
            seq = r.randint(0, 2**32 - 1)
        options = self.one(b"", b"\2\4\5\xb4", b"\2\4\5\xb4\4\2\1\1", b"\2\4\5\xb4\1\3\3\7", b"\1\1\x08\x0a\0\0\0\1\0\0\0\0") if flags & 2 else self.one(b"", b"", b"\1\1\x08\x0a\0\0\0\1\0\0\0\0")
        data = b"x" * r.choice((0, 0, 10, 100)) if flags & 8 else b""
        return struct.pack("!HHIIBBHHH", flow["sport"], flow["dport"], seq, ack, (20 + len(options)) // 4 << 4, flags, self.one(64240, 64240, 1000, 0), 0, 0) + options + data

    def conversation(self, flow, reply):
        """A segment that fits what went before, mostly."""
        f = flow["tcp"]
        me, other = ("b", "a") if reply else ("a", "b")
        state = flow["step"]
        flags = {0: 2, 1: 0x12, 2: 0x10}.get(state, self.one(0x18, 0x18, 0x10, 0x11, 0x14))
        size = self.one(0, 5, 60) if flags == 0x18 else 0
        body = self.tcp(dict(sport=flow["sport"], dport=flow["dport"], seq=f[me], ack=f[other] if flags & 0x10 else 0), flags)
        header = (body[12] >> 4) * 4
        body = body[:4] + struct.pack("!II", f[me] & 0xFFFFFFFF, (f[other] & 0xFFFFFFFF) if flags & 0x10 else 0) + body[12:header] + b"y" * size
        f[me] += size + bool(flags & 2) + bool(flags & 1)
        flow["step"] += 1
        return body

    def extension(self, proto):
        return self.one(struct.pack("!BB6x", proto, 0)[:2] + b"\1\4\0\0\0\0", struct.pack("!BB", 60, 0) + b"\1\4\0\0\0\0" + struct.pack("!BB", proto, 0) + b"\1\4\0\0\0\0")

    def build(self, v, proto, src, dst, body, device, mark, words, flow=None):
        at = {6: 16, 17: 6, 1: 2, 58: 2}[proto]
        body = transport(v, proto, src, dst, body, at)
        options = b""
        if v == 6 and self.r.random() < .06 and device:
            options = self.extension(proto)
        elif v == 4 and self.r.random() < .04 and device:
            options = self.one(b"\x94\4\0\0", b"\1\1\1\0")
        ip = ip_packet(v, proto, src, dst, body, ttl=self.one(64, 64, 64, 128, 2, 255) if device else 64, tos=self.one(0, 0, 0, 0x20, 0x28, 0xB8, 3), ident=self.one(1, 2, 1000, 54321),
                       df=self.r.random() < .7, options=options, flow=self.one(0, 0, 5))
        return Packet(v, ip, device, dst, mark, f"{words} {src} > {dst} {device or 'local'}", flow)

    def fresh(self):
        v = self.one(4, 4, 4, 6, 6)
        x = self.r.random()
        if x < .5:
            device, src, dst = "eth0", self.any(CLIENTS[v]), self.any(SERVERS[v] + SERVERS[v] + FAR[v])
        elif x < .65:
            device, src, dst = "eth1", self.any(SERVERS[v]), self.any(CLIENTS[v])
        elif x < .82:
            device, src, dst = "eth0", self.any(CLIENTS[v]), self.any(GATEWAY[v])
        else:
            device, src, dst = None, self.any(GATEWAY[v]), self.any(SERVERS[v] + CLIENTS[v])
        proto = self.one(6, 6, 6, 17, 17, 1 if v == 4 else 58)
        mark = self.one(0, 0, 1, 2, 0x10) if not device else 0
        flow = dict(v=v, proto=proto, device=device, src=src, dst=dst, sport=self.port(), dport=self.port(), mark=mark, step=0, tcp={"a": 1000, "b": 5000}, ident=self.one(1, 2, 7))
        self.flows = (self.flows + [flow])[-8:]
        return self.from_flow(flow, False)

    def from_flow(self, flow, reply):
        v, proto = flow["v"], flow["proto"]
        if proto == 6:
            body = self.conversation(flow, reply) if self.r.random() < .75 else self.tcp(flow)
        elif proto == 17:
            body = struct.pack("!HHHH", flow["sport"], flow["dport"], 8 + 4, 0) + b"data"
        else:
            request = (8 if v == 4 else 128) if not reply else (0 if v == 4 else 129)
            kind = request if self.r.random() < .85 else self.one(13, 3, 0, 8, 135, 40)
            body = struct.pack("!BBHHH", kind, 0, 0, flow["ident"], 1) + b"ping"
        return self.build(v, proto, flow["src"], flow["dst"], body, flow["device"], flow["mark"], {6: "tcp", 17: "udp", 1: "icmp", 58: "icmpv6"}[proto], flow)

    def answer(self, flow):
        """The other side answers what it saw, addresses and ports as they came to it."""
        seen, device = flow["seen"]
        v = flow["v"]
        at = 12 if v == 4 else 8
        n = 4 if v == 4 else 16
        import socket
        af = socket.AF_INET if v == 4 else socket.AF_INET6
        src, dst = socket.inet_ntop(af, seen[at:at + n]), socket.inet_ntop(af, seen[at + n:at + 2 * n])
        back = dict(flow, src=dst, dst=src, device=device, mark=0)
        header = (seen[0] & 15) * 4 if v == 4 else 40
        if flow["proto"] in (6, 17) and (v == 4 or seen[6] == flow["proto"]):
            back["dport"], back["sport"] = struct.unpack_from("!HH", seen, header)
        elif flow["proto"] in (1, 58) and (v == 4 or seen[6] == 58):
            back["ident"] = struct.unpack_from("!H", seen, header + 4)[0]
        if self.r.random() < .12:
            return self.error(v, seen, src, dst, device, header)
        p = self.from_flow(back, True)
        flow["step"] = back["step"]
        p.flow = None
        return p

    def error(self, v, seen, src, dst, device, header):
        """ICMP: the server could not be reached, or the packet was too big."""
        quoted = seen[:header + 8] if self.r.random() < .8 else seen[:header + 40]
        if v == 4:
            body = struct.pack("!BBHI", self.one(3, 3, 11), self.one(1, 3, 0), 0, 0) + quoted
            return self.build(4, 1, dst, src, body, device, 0, "icmp error")
        body = struct.pack("!BBHI", self.one(1, 3), self.one(0, 1), 0, 0) + quoted
        return self.build(6, 58, dst, src, body, device, 0, "icmpv6 error")

    def packet(self):
        x = self.r.random()
        if self.flows and x < .6:
            flow = self.any(self.flows)
            if flow.get("seen") and self.r.random() < .55:
                return self.answer(flow)
            return self.from_flow(flow, False)
        return self.fresh()

    def saw(self, packet, frames):
        """What left of a packet tells whom an answer goes to."""
        for device, list_ in frames.items():
            for ip in list_:
                if packet.flow is not None and ip[0] >> 4 == packet.version:
                    packet.flow["seen"] = (ip, device)
