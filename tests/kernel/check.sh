#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# `sluice ruleset check` against the kernel: random rulesets of iptables-nft in FORWARD (ROUNDS, 3); each witness of "never reaches the queue" is sent and the queue's
# counter stays as it was; where "every one that is accepted is queued" is proven, PACKETS (200) random packets are sent, and as many are queued as leave the gateway.
. "$(dirname "$0")/common.sh"
command -v iptables-nft >/dev/null || skip "there is no iptables-nft"
iptables-nft -A FORWARD -j NFQUEUE --queue-num 0 --queue-bypass 2>/dev/null || skip "this kernel has no NFQUEUE target"
iptables-nft -F FORWARD

cat >"$tmp/send.py" <<'END'
import socket, struct, sys
def sum16(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
for line in sys.stdin:
    proto, source, sport, dest, dport = line.split()
    proto = int(proto)
    a, b, sport, dport = socket.inet_aton(source), socket.inet_aton(dest), int(sport), int(dport)
    if proto == 6:
        body = struct.pack("!HHIIBBHHH", sport, dport, 1, 0, 0x50, 2, 1000, 0, 0)
        at = 16
    elif proto == 17:
        body = struct.pack("!HHHH", sport, dport, 12, 0) + b"abcd"
        at = 6
    else:
        body, at = b"\0" * 16, None
    if at is not None:
        c = sum16(a + b + struct.pack("!BBH", 0, proto, len(body)) + body)
        body = body[:at] + struct.pack("!H", c or 0xffff) + body[at + 2:]
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(body), 1, 0, 64, proto, 0, a, b)
    s.sendto(head + body, (dest, 0))
END
cat >"$tmp/make.py" <<'END'
import random, sys
random.seed(int(sys.argv[1]))
whole = random.random() < .5
def matches():
    out = []
    proto = random.choice(["tcp", "udp", "udp", "tcp", None])
    if proto:
        out += ["-p", proto]
        if random.random() < .7:
            out += [random.choice(["--dport", "--sport"]), "%d:%d" % (lambda x: (x, x + random.randrange(3)))(random.randrange(50, 56))]
    if random.random() < .4:
        out += ["!"] * random.randrange(2) + ["-s", "192.0.2.%d/29" % random.randrange(0, 64, 8)]
    if random.random() < .3:
        out += ["-d", "198.51.100.%d/30" % random.randrange(8, 64, 4)]
    return out
for i in range(random.randrange(2, 6)):
    verdict = random.choice(["DROP", "DROP", "NFQUEUE"] if whole else ["ACCEPT", "DROP", "NFQUEUE"])
    print(" ".join(["iptables-nft -A FORWARD"] + matches() + ["-j", verdict] + ["--queue-num 0 --queue-bypass"] * (verdict == "NFQUEUE")))
if whole or random.random() < .5:
    print("iptables-nft -A FORWARD -j NFQUEUE --queue-num 0 --queue-bypass")
END
cat >"$tmp/packets.py" <<'END'
import random, sys
random.seed(int(sys.argv[1]))
for _ in range(int(sys.argv[2])):
    print(random.choice([6, 17, 17, 47]), "192.0.2.%d" % random.randrange(3, 60), random.randrange(50, 58), "198.51.100.%d" % random.randrange(3, 60), random.randrange(50, 58))
END
# The witnesses that a single first packet can be: "PROTO SOURCE PORT DEST PORT"; then whether all is proven.
cat >"$tmp/read.py" <<'END'
import json, re, sys
d = json.load(open(sys.argv[1]))
with open(sys.argv[2], "w") as out:
    for f in d["findings"]:
        m = re.match(r"(\w+(?: \d+)?) ([\d.]+)(?::(\d+))? > ([\d.]+)(?::(\d+))?(.*)", f.get("packet", ""))
        if m and f["code"] in ("accept-before-queue", "class-left-out", "interface-left-out") and "established" not in m[6] and "invalid" not in m[6] and "related" not in m[6]:
            proto = {"tcp": 6, "udp": 17}.get(m[1]) or (int(m[1].split()[1]) if " " in m[1] else 47)
            if m[2].startswith("192.0.2.") and m[4].startswith("198.51.100."):
                print(proto, m[2], m[3] or 0, m[4], m[5] or 0, file=out)
print("proven" if any("forwarded IPv4" in p for p in d["proven"]) else "open")
END
queued() { iptables-nft -L FORWARD -v -x -n | awk '/NFQUEUE/ { n += $1 } END { print n + 0 }'; }
left() { nft list counter inet counting left | awk '/packets/ { print $2 }'; }
send() { "$SLUICE" lab run --on client -- python3 "$tmp/send.py"; }

sysctl -qw net.ipv4.conf.all.rp_filter=0 2>/dev/null
nft 'table inet counting { counter left { }; chain post { type filter hook postrouting priority 300; ip saddr 192.0.2.0/24 ip daddr 198.51.100.0/24 counter name left; }; }'
witnesses=0 proofs=0 wrong=
for round in $(seq "${ROUNDS:-3}"); do
	iptables-nft -F FORWARD
	python3 "$tmp/make.py" $((round + ${SEED:-0})) >"$tmp/rules.sh"
	sh "$tmp/rules.sh"
	"$SLUICE" ruleset check --hook forward --queue 0 --json >"$tmp/check.json"
	proven=$(python3 "$tmp/read.py" "$tmp/check.json" "$tmp/witness.txt")
	if [ -s "$tmp/witness.txt" ]; then
		before=$(queued) out=$(left) n=$(wc -l <"$tmp/witness.txt")
		send <"$tmp/witness.txt"
		sleep 0.2
		witnesses=$((witnesses + n))
		[ "$(queued)" = "$before" ] && [ "$(left)" = $((out + n)) ] || wrong="$wrong round $round: a witness was queued, or did not pass;"
	fi
	if [ "$proven" = proven ]; then
		before=$(queued) out=$(left)
		python3 "$tmp/packets.py" "$round" "${PACKETS:-200}" | send
		sleep 0.2
		proofs=$((proofs + 1))
		[ $(($(queued) - before)) = $(($(left) - out)) ] || wrong="$wrong round $round: proven, but $(($(queued) - before)) queued of $(($(left) - out)) accepted;"
	fi
done
echo "    $witnesses witnesses, $proofs proofs"
check "what is said never to reach the queue does not, and what is proven does ($wrong)" test -z "$wrong"
check "there were some of both" test "$witnesses" -gt 0 -a "$proofs" -gt 0
