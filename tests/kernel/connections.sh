#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Many connections at once, IPv4 and IPv6, through masquerade and DNAT, random bytes both ways: none lost, none changed; attacks among them are stopped.
# CONNECTIONS=10000 says how many.
. "$(dirname "$0")/common.sh"
. "$here/both_ends.sh"
connections=${CONNECTIONS:-10000}
# to a port of its own: of two connections from one port of the client, one of them by DNAT, both to port 7, sluice would see the same addresses and ports
nft 'table ip nat { chain pre { type nat hook prerouting priority -100; ip daddr 203.0.113.7 tcp dport 8007 dnat to 198.51.100.2:8; }
	chain post { type nat hook postrouting priority 100; ct status dnat accept; oifname outside masquerade; }; }' || skip "this kernel has no nft nat"
nft 'table ip6 nat { chain pre { type nat hook prerouting priority -100; ip6 daddr 2001:db8:7::7 tcp dport 8007 dnat to [2001:db8:2::2]:8; }
	chain post { type nat hook postrouting priority 100; ct status dnat accept; oifname outside masquerade; }; }' || skip "this kernel has no nft nat for IPv6"
ends server serve-many 7 8 >"$tmp/server.txt" 2>&1 &
server_pid=$!
within 20 grep -qs '^listening' "$tmp/server.txt"
start -q 0-3 --set stats.interval=1 <<'R' || exit
drop tcp any any -> any 7:8 (msg:"attack"; flow:established,to_server; content:"evil-thing"; sid:1;)
alert tcp any 7:8 -> any any (msg:"never"; flow:established,to_client; content:"evil-thing"; sid:2;)
R
SILENCE=2 ends client many $V4 7 $V6 7 203.0.113.7 8007 2001:db8:7::7 8007 "$connections" >"$tmp/many.txt" 2>&1
status=$?
check "$(tail -n 1 "$tmp/many.txt")" status_is 0 sh -c "cat '$tmp/many.txt'; exit $status"
check "no attack reached the server" fails grep -q '^evil' "$tmp/server.txt"
check "no packet did not fit the queues" awk '{ lost += $6 + $7 } END { exit lost > 0 }' /proc/net/netfilter/nfnetlink_queue
check "sluice ends with status 0" stop
attacks=$((connections / 500 + 1))
check "$attacks attacks, as many alerts" test "$(records "r['event_type'] == 'alert' and r['alert']['signature_id'] == 1")" = $attacks
check "every connection was seen" test "$(records "r['event_type'] == 'flow' and r['proto'] == 'TCP' and r['dest_port'] in (7, 8)")" = $((connections + attacks))
check "nothing but attacks was dropped: no record of another" none "r['event_type'] == 'drop' and r['drop']['reason'] not in ('rules', 'flow drop')"
check "and the queues were never full" none "r['event_type'] == 'stats' and r['stats'].get('capture', {}).get('kernel_drops', 0)"
