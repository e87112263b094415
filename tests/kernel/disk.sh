#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The logs' disk is full: traffic goes on, attacks are stopped, what is lost is counted and said; with room again, whole lines are written again.
. "$(dirname "$0")/common.sh"
head -c 30000 /dev/urandom | base64 >"$tmp/page"
sum=$(sha256sum <"$tmp/page" | cut -d' ' -f1)
mkdir "$tmp/log"
mount -t tmpfs -o size=1m none "$tmp/log" 2>/dev/null || skip "no disk of its own can be mounted here"
leave() {
	finish 2>/dev/null
	umount "$tmp/log" && rm -rf "$tmp"
}
trap leave EXIT
server serve "$tmp/page"
pages=${PAGES:-30}
socket=$tmp/socket
many() { "$SLUICE" lab run --on client -- python3 "$here/talk.py" many "$1" "$pages" "$sum"; }
silent() { client get "$1" /evil; [ $? = 2 ]; }
same() { [ "$(client get "$1" "$2")" = "$sum" ]; }
lost() { "$SLUICE" status --json --socket "$socket" | python3 -c 'import json, sys; print(json.load(sys.stdin)["records_lost"])'; }
some_lost() { [ "$(lost)" -gt "$1" ]; }
in_log() { grep -q "$1" "$tmp/log/eve.json"; }
fill() {
	head -c 2000000 /dev/zero >"$tmp/log/fill" 2>/dev/null
	sync
	! head -c 10000 /dev/zero >"$tmp/log/more" 2>/dev/null
}
# lines: how many are whole, how many are not; at most $1 of these
lines() {
	python3 - "$tmp/log/eve.json" "$1" <<'P'
import json, sys
whole = torn = 0
for line in open(sys.argv[1], "rb"):
    try:
        whole += isinstance(json.loads(line), dict)
    except ValueError:
        torn += 1
print(whole, "whole,", torn, "cut off")
sys.exit(torn > int(sys.argv[2]))
P
}
start --socket "$socket" --set stats.enabled=no <<'R' || exit
alert http any any -> any any (msg:"a page"; flow:established,to_server; http.uri; content:"/"; sid:1;)
drop http any any -> any any (msg:"attack"; flow:established,to_server; http.uri; content:"/evil"; sid:2;)
R
check "a page arrives, and its record is written" same $V4 /before
check "it is in the log" within 5 in_log /before
check "the disk is full now" fill
check "IPv4: pages arrive all the same" many $V4
check "IPv6: pages arrive all the same" many $V6
check "an attack gets no answer" silent $V6
check "the lost records are counted" within 5 some_lost $((pages / 2))
check "sluice status says so: $(lost)" words 'records could not be written' "$SLUICE" status --socket "$socket"
check "and it is said why" grep -q 'eve.json: No space left on device; records are lost' "$tmp/run.txt"
rm -f "$tmp/log/fill" "$tmp/log/more"
check "there is room again: a page arrives" same $V4 /after
check "its record is written" within 5 in_log /after
check "IPv6: pages arrive" many $V6
sleep 1.2
gone=$(lost)
check "sluice ends, and its status says that records are missing" status_is 1 stop
check "each line is whole, but for the one that the end of the disk cut off: $(lines 1)" lines 1
alerts=$(grep -c '"event_type":"alert"' "$tmp/log/eve.json")
expected=$((3 * pages + 3))
check "what is not written was counted: $alerts of $expected alerts written, $gone records lost" test $((alerts + gone)) -ge $expected -a "$alerts" -lt $expected
check "its table is gone" fails has_table
