#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# reject answers the sender, rejectdst the receiver, rejectboth both: a reset for TCP, "unreachable" for UDP, in both families.
. "$(dirname "$0")/common.sh"
echo hello >"$tmp/page"
server serve "$tmp/page"
start <<'R' || exit
reject http any any -> any any (msg:"src"; flow:established,to_server; http.uri; content:"/src"; sid:1;)
rejectdst http any any -> any any (msg:"dst"; flow:established,to_server; http.uri; content:"/dst"; sid:2;)
rejectboth http any any -> any any (msg:"both"; flow:established,to_server; http.uri; content:"/both"; sid:3;)
reject udp any any -> any 5353 (msg:"udp"; content:"evil"; sid:4;)
R
refused() { client "$@"; [ $? = 1 ]; }
silent() { client "$@"; [ $? = 2 ]; }
resets() { grep -c '^reset' "$tmp/server.txt"; }
for a in $V4 $V6; do
	[ $a = $V4 ] && v=IPv4 || v=IPv6
	check "$v: reject resets the sender" refused get $a /src
	before=$(resets)
	check "$v: rejectdst leaves the sender waiting" silent get $a /dst
	check "$v: rejectdst resets the receiver" test "$(resets)" -gt "$before"
	before=$(resets)
	check "$v: rejectboth resets the sender" refused get $a /both
	sleep 0.3
	check "$v: rejectboth resets the receiver" test "$(resets)" -gt "$before"
	check "$v: a harmless datagram is answered" client udp $a good
	check "$v: a rejected datagram gets ICMP unreachable" refused udp $a evil
done
check "none of the requests reached the server" fails grep -qE 'request /(src|dst|both)' "$tmp/server.txt"
check "sluice ends with status 0" stop
