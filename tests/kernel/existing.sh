#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Connections from before the start: seen, found by what a packet of theirs looks like behind NAT, released at once.
. "$(dirname "$0")/common.sh"
. "$here/tool.sh"
head -c 2000000 /dev/urandom >"$tmp/page"
sum=$(sha256sum <"$tmp/page" | cut -d' ' -f1)
server serve "$tmp/page"
nft 'table inet early { chain c { type filter hook prerouting priority 0; ct state new counter; }; }' # conntrack is at work from here on
nft 'table ip nat { chain pre { type nat hook prerouting priority -100; ip daddr 10.23.1.1 tcp dport 8080 dnat to 198.51.100.2:80; }; }'
nft 'table ip nat { chain post { type nat hook postrouting priority 100; ct status dnat accept; oifname "outside" masquerade; }; }'
{
	client late $V4 /page "$tmp/go" >"$tmp/late4.txt" 2>&1 &
	client late $V6 /page "$tmp/go" >"$tmp/late6.txt" 2>&1 &
	client late 10.23.1.1:8080 /page "$tmp/go" >"$tmp/late8080.txt" 2>&1 &
}
for x in 4 6 8080; do
	for _ in $(seq 100); do
		grep -q connected "$tmp/late$x.txt" && break
		sleep 0.1
	done
done
begin || exit
ask flows >"$tmp/flows.txt"
check "IPv4: an established connection is seen" grep -q "proto 6 $C4:[0-9]* > $V4:80 .*established" "$tmp/flows.txt"
check "IPv6: an established connection is seen" grep -q "proto 6 $C6:[0-9]* > $V6:80 .*established" "$tmp/flows.txt"
port=$(sed -n "s/proto 6 $C4:\([0-9]*\) > 10.23.1.1:8080 .*/\1/p" "$tmp/flows.txt")
plain=$(sed -n "s/proto 6 $C4:\([0-9]*\) > $V4:80 .*/\1/p" "$tmp/flows.txt")
check "behind NAT: the original destination of a request" answers "> 10.23.1.1:8080 " of 6 $C4 "$port" $V4 80
check "behind NAT: the original destination of an answer" answers "> 10.23.1.1:8080 " of 6 $V4 80 $C4 "$port"
check "masqueraded: by a request" answers "$C4:$plain > $V4:80 " of 6 $C4 "$plain" $V4 80
check "masqueraded: by an answer" answers "$C4:$plain > $V4:80 " of 6 $V4 80 $C4 "$plain"
check "what is not there is not found" answers 'failed: no such connection' of 6 $C4 1 $V4 80
check "a protocol without ports is not found" answers 'failed: no such connection' of 1 $C4 0 $V4 0
check "all three are released" answers 'done [3-9]' release-all
check "their marks say so" answers "> $V6:80 .* mark 0x00000100 established" flows
touch "$tmp/go"
for x in 4 6 8080; do
	for _ in $(seq 100); do
		[ "$(wc -l <"$tmp/late$x.txt")" = 2 ] && break
		sleep 0.1
	done
	check "connection $x goes on unharmed" grep -q "$sum" "$tmp/late$x.txt"
done
check "and none of it was queued" test "$(count queued)" = 0
check "but passed as released" test "$(count released)" -gt 10
check "a new connection is queued" client get $V4 /page
check "as the count says" test "$(count queued)" -gt 5
check "the tool ends with status 0" finished
