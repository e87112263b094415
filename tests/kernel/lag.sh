#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Slow lines: both families, and everything back as it was. KILLS: how often a start is killed at some moment.
. "$(dirname "$0")/common.sh"
command -v tc >/dev/null || skip "no tc here"
lag() { "$SLUICE" lag "$@"; }

# counters and times aside
state() {
	tc -d qdisc show 2>&1
	for d in inside outside; do
		tc -d class show dev $d 2>&1
		tc -d filter show dev $d 2>&1
		tc -d filter show dev $d ingress 2>&1
	done
	nft list ruleset
	ip -br link | awk '{ print $1 }'
}
as_before() { state >"$tmp/now" && diff "$tmp/before" "$tmp/now"; }
state >"$tmp/before"

# kbit/s of a page of BYTES from an address
speed() {
	"$SLUICE" lab run --on client -- python3 - "$1" <<'P'
import socket, sys, time
a = sys.argv[1]
s = socket.create_connection((a, 80), 10)
s.sendall(b"GET /page HTTP/1.1\r\nHost: a\r\n\r\n")
got, start, first = 0, None, 0
while True:
    data = s.recv(65536)
    if not data:
        break
    got += len(data)
    now = time.time()
    if start is None and got > 100000:   # what the burst let through
        start, first = now, got
    if got >= 700000:
        break
print(int((got - first) * 8 / 1000 / (now - start)))
P
}
between() { # LOW HIGH COMMAND...
	local low=$1 high=$2
	shift 2
	local n
	n=$("$@") && echo "$n" && [ "$n" -ge "$low" ] && [ "$n" -le "$high" ]
}
head -c 900000 /dev/urandom >"$tmp/page"
server serve "$tmp/page"

check "starts" lag start --dev inside --rate 2mbit --match 'tcp sport 80'
# 2000 kbit/s on the wire; of them 1460 of 1514 bytes are the page
check "IPv4 goes at the rate" between 1700 2050 speed $V4
check "IPv6 goes at the rate" between 1700 2050 speed $V6
check "what was not meant does not" words '5 sent, 5 answered' "$SLUICE" lab run --on client -- "$SLUICE" lag probe --count 5 $V4
check "status has both families" words 'IPv4 [1-9][0-9]* packets.*IPv6 [1-9]' lag status
check "a second start is refused" words 'slowed down already' lag start --dev inside --rate 1mbit
check "it stops" words 'as it was before' lag stop
check "and all is as before" as_before
check "at full speed" between 20000 100000000 speed $V4

check "both ways" lag start --dev outside --direction both --rate 2mbit
check "what arrives goes at the rate, IPv4" between 1700 2050 speed $V4
check "and IPv6" between 1700 2050 speed $V6
lag stop >/dev/null
check "the ingress is as before" as_before

lag start --dev inside --rate 1mbit --for 2s >/dev/null
check "a time ends it" within 6 as_before
lag start --dev inside --rate 1mbit --match 'tcp sport 80' --for 3s >/dev/null
kill -9 "$(python3 -c 'import json; print(json.load(open("/run/sluice/lag/inside.json"))["watcher"])')"
sleep 3.2
check "with its watcher killed too: traffic is at full speed" between 20000 100000000 speed $V4
check "and status says what is left to do" words 'its time is over.*sluice lag stop' lag status
lag stop >/dev/null
check "which is done" as_before

# somebody else's
tc qdisc add dev inside root handle 9: htb default 3
tc class add dev inside parent 9: classid 9:1 htb rate 50mbit quantum 1514
tc class add dev inside parent 9:1 classid 9:3 htb rate 20mbit ceil 50mbit quantum 1514 prio 2
tc qdisc add dev inside parent 9:3 handle 30: pfifo limit 33
tc filter add dev inside parent 9: protocol ip prio 5 u32 match ip dport 81 0xffff flowid 9:3
tc filter add dev inside parent 9: protocol ipv6 prio 6 u32 match ip6 dport 81 0xffff flowid 9:3
state >"$tmp/before"
check "somebody's classes are not touched" words 'somebody shapes inside already \(htb with 2 classes, 1 qdisc below, 2 filters\)' lag start --dev inside --rate 1mbit
check "not at all" as_before
check "unless forced" lag start --dev inside --rate 1mbit --force
lag stop >/dev/null
check "then they come back" as_before
tc qdisc del dev inside root
tc qdisc add dev inside root handle 8: pfifo limit 77
state >"$tmp/before"
lag start --dev inside --rate 1mbit >/dev/null
check "a qdisc without classes serves what is not slowed" words 'pfifo 8: parent 51cc:1 limit 77p' tc qdisc show dev inside
tc qdisc replace dev inside root handle 7: pfifo limit 66
check "somebody's later root is not taken away" words 'somebody put another qdisc' lag stop
check "it is still there" words 'pfifo 7: root' tc qdisc show dev inside
tc qdisc del dev inside root
tc qdisc add dev inside root handle 8: pfifo limit 77
check "then all is as before" as_before

# two families, one priority
check "the old trap of two filters is explained" words 'a priority holds filters of one protocol .*give each family its own priority, or one filter' \
	"$(dirname "$SLUICE")/gateway_tool" trap outside
# killed at any moment
killed=0
for _ in $(seq "${KILLS:-10}"); do
	lag start --dev inside --direction both --rate 1mbit --for 1h >/dev/null 2>&1 &
	pid=$!
	python3 -c 'import random, time; time.sleep(random.random() * 0.03)'
	kill -9 $pid 2>/dev/null
	wait $pid 2>/dev/null
	lag stop >/dev/null 2>&1
	as_before >"$tmp/kill.diff" || break
	killed=$((killed + 1))
done
check "killed at ${KILLS:-10} moments, stop puts all back" [ "$killed" = "${KILLS:-10}" ]
[ "$killed" = "${KILLS:-10}" ] || sed 's/^/    /' "$tmp/kill.diff"

# wrong ones change nothing
while IFS='|' read -r want arguments; do
	eval "set -- $arguments"
	check "refused: $arguments" words "$want" lag start "$@"
done <<'E'
is not a share|--dev inside --loss 300%
there is no device|--dev nix0 --rate 1mbit
longer than names of devices|--dev a-name-that-is-too-long --rate 1mbit
no profile is called '5g'|5g --dev inside
dport foo|--dev inside --rate 1mbit --match 'tcp dport foo'
nothing is asked for|--dev inside
E
check "and leave nothing" as_before
if ! tc qdisc add dev outside root netem delay 1ms 2>/dev/null; then
	check "no netem: it says so, and what works" words 'no netem \(CONFIG_NET_SCH_NETEM.*--rate alone works' lag start --dev inside --delay 100ms
	check "and leaves nothing then" as_before
fi
