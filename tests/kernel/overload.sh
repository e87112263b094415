#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# More than the queues hold, while sluice stands still: with bypass it passes, with drop it does not; both are counted and said once. An interface that goes and comes.
. "$(dirname "$0")/common.sh"
FLOOD=${FLOOD:-20000}
head -c 30000 /dev/urandom >"$tmp/page"
sum=$(sha256sum <"$tmp/page" | cut -d' ' -f1)
server serve "$tmp/page"
socket=$tmp/socket
same() { [ "$(client get "$1" /page)" = "$sum" ]; }
flood() { "$SLUICE" lab run --on client -- python3 "$here/crowd.py" flood "$1" "$FLOOD"; }
said() { records "r['event_type'] == 'engine' and r['engine'].get('message', '') != '' and 'queue-overrun' in str(r)"; }
lost() { "$SLUICE" status --json --socket "$socket" | python3 -c "import json, sys; q = json.load(sys.stdin)['queues']; print(q['dropped_full'] + q['dropped_buffer'] + q.get('passed_by', 0))"; }
many_lost() { [ "$(lost)" -gt 1000 ]; }
for down in bypass drop; do
	for v in 4 6; do
		[ $v = 4 ] && a=$V4 || a=$V6
		rm -rf "$tmp/log"
		start --socket "$socket" --when-down $down <<<'alert http any any -> any any (msg:"a page"; flow:established,to_server; http.uri; content:"/page"; sid:1;)' || exit
		check "$down, IPv$v: a page arrives" same $a
		kill -STOP "$sluice_pid"
		echoes=$(flood $a)
		if [ $down = bypass ]; then
			check "$down, IPv$v: what does not fit the queue passes" test "$echoes" -gt $((FLOOD / 4))
		else
			check "$down, IPv$v: nothing passes" test "$echoes" = 0
		fi
		kill -CONT "$sluice_pid"
		check "$down, IPv$v: afterwards pages arrive" within 10 same $a
		check "$down, IPv$v: what did not fit is counted" within 10 many_lost
		check "$down, IPv$v: and said" within 5 some "r['event_type'] == 'engine' and 'queue-overrun' in str(r)"
		check "$down, IPv$v: in the log, too" grep -q "packets did not fit the queues and $([ $down = bypass ] && echo 'passed without inspection' || echo 'were dropped')" "$tmp/run.txt"
		check "$down, IPv$v: once, not for each packet" test "$(grep -c 'did not fit the queues' "$tmp/run.txt")" -lt 4
		check "$down, IPv$v: it inspects" some "r['event_type'] == 'alert'"
		check "$down, IPv$v: it ends" stop
	done
done

# ---- an interface goes and comes under the daemon ----
rm -rf "$tmp/log"
start --socket "$socket" <<<'alert http any any -> any any (msg:"a page"; flow:established,to_server; http.uri; content:"/page"; sid:1;)' || exit
check "a page arrives" same $V4
ip link add there type veth peer name here
ip link set there up
ip link set here up
ip link del there
ip link set inside down
check "an interface is down: nothing arrives" fails client get $V4 /page
check "sluice runs on" "$SLUICE" status --socket "$socket"
ip link set inside up
ip -6 addr add fd23:1::1/64 dev inside nodad 2>/dev/null # IPv6 addresses go with the link
check "up again: IPv4 arrives" within 10 same $V4
check "and IPv6" within 10 same $V6
before=$(records "r['event_type'] == 'alert'")
check "another page" same $V6
more() { [ "$(records "r['event_type'] == 'alert'")" -gt "$before" ]; }
check "and it is inspected" within 5 more
check "it ends" stop
