#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A flow that a rule matches falls to the rate of its class, both families; another one beside it does not; and the devices are as before.
. "$(dirname "$0")/common.sh"
command -v tc >/dev/null || skip "no tc here"
head -c 40000000 /dev/zero | tr '\0' 'x' >"$tmp/page"
server serve "$tmp/page"
devices() {
	tc -d qdisc show
	tc -d class show dev inside
	tc -d class show dev outside
}
devices >"$tmp/before"
as_before() { devices >"$tmp/now" && diff "$tmp/before" "$tmp/now"; }
rules() { echo 'alert http any any -> any any (msg:"bulk"; flow:established,to_server; http.uri; content:"/bulk"; sid:1; rev:1;)'; }
policy=(--set respond.slow.bulk.rate=2mbit --set respond.rules.0.match.sid=1 --set "respond.rules.0.do=slow bulk")

# rate ADDRESS PATH SKIP SECONDS: kbit/s of a page after SKIP seconds
rate() {
	"$SLUICE" lab run --on client -- python3 - "$@" <<'P'
import socket, sys, time
address, path, skip, most = sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4])
s = socket.create_connection((address, 80), 10)
s.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
begin, got, start, first = time.time(), 0, None, 0
while data := s.recv(65536):
    got += len(data)
    now = time.time()
    if start is None and now - begin >= skip:
        start, first = now, got
    if now - begin >= skip + most:
        break
if start is None:
    start, first = begin, 0
print(int((got - first) * 8 / 1000 / (time.time() - start)))
P
}
between() { # LOW HIGH COMMAND...
	local low=$1 high=$2 n
	shift 2
	n=$("$@") && echo "$n kbit/s" && [ "$n" -ge "$low" ] && [ "$n" -le "$high" ]
}
start "${policy[@]}" < <(rules) || exit
check "each device has the class" words 'class htb 51dc:10 .*rate 2Mbit' tc class show dev outside
rate $V4 /bulk 1 5 >"$tmp/bulk4" &
bulk=$!
sleep 1.5
check "blocks lists it" words 'bulk: 10.23.1.2 port' "$SLUICE" blocks
check "a second flow keeps its speed" between 10000 1000000000 rate $V4 /other 0.2 2
wait $bulk
# 1448 of 1514 bytes of each frame (IPv6: 1428) are the page: within 10 %
check "IPv4: after a second the slow one goes at its rate" between 1720 2104 cat "$tmp/bulk4"
check "IPv6 too" between 1700 2080 rate $V6 /bulk 1 5
check "status counts both" words '"slowed": 2' "$SLUICE" status --json
stop
check "the devices are as before" as_before
check "the alert names the class" some "r['event_type'] == 'alert' and r['sluice'].get('class') == 'bulk' and r['sluice']['do'] == 'slow'"
check "the flow says it" some "r['event_type'] == 'flow' and r['flow'].get('slowed')"

start "${policy[@]}" --set respond.slow.bulk.for=3s < <(rules) || exit
check "for a time: slow in it" between 1500 2300 rate $V4 /bulk 0.5 1.5
check "and fast after it" between 10000 1000000000 rate $V4 /bulk 4 1
die
check "killed: traffic goes on" between 10000 1000000000 rate $V4 /bulk 0.2 1
start "${policy[@]}" < <(rules) || exit
stop
check "the next run puts back what the killed one left" as_before
tc qdisc add dev inside root handle 9: htb default 1
tc class add dev inside parent 9: classid 9:1 htb rate 900mbit quantum 1514
tc qdisc show dev inside >"$tmp/somebody"
start "${policy[@]}" < <(rules) || exit
check "somebody's classes are left alone" diff "$tmp/somebody" <(tc qdisc show dev inside)
check "and it is said" grep -q 'slow flows are not slowed at inside: somebody shapes it already' "$tmp/run.txt"
check "it ends" stop
