#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Another program flushes the ruleset or takes our place: within a second the daemon's table is whole again, with its blocks, and it is said how long it was not.
. "$(dirname "$0")/common.sh"
echo hello >"$tmp/page"
server serve "$tmp/page"
silent() { client "$@"; [ $? = 2 ]; }
whole() { nft list chain inet sluice worker0 2>/dev/null | grep -qE 'queue|NFQUEUE' && nft list set inet sluice blocked4 | grep -q 192.0.2.7; }
restored() { [ "$("$SLUICE" status --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["table"]["restored"])')" = "$1" ]; }
priority_is() { nft list chain inet sluice forward | grep -qE "priority (filter \+ )?$1;"; }
start --set gateway.owner-flag=no <<'R' || exit
drop http any any -> any any (msg:"attack"; flow:established,to_server; http.uri; content:"/evil"; sid:1;)
R
"$SLUICE" block 192.0.2.7 --for 10m >/dev/null
"$SLUICE" block 2001:db8:7::/64 >/dev/null
check "it is whole" whole
n=0
for damage in 'flush ruleset' 'delete table inet sluice' 'flush chain inet sluice worker0' 'flush set inet sluice blocked4' 'add table inet sluice { flags dormant; }'; do
	nft $damage 2>/dev/null
	check "$damage: within a second it is whole, its blocks in it" within 1 whole
	[[ $damage == *"set inet"* ]] || n=$((n + 1))
	check "$damage: counted" within 1 restored $n
	check "$damage: an attack is dropped" silent get $V4 /evil
	check "$damage: the IPv6 block, too" words '2001:db8:7::/64' nft list set inet sluice blocked6
done
check "the log says how long it was without inspection" grep -qE 'changed by somebody else and is whole again, after [0-9]+ ms' "$tmp/run.txt"
check "so does status" words "restored $n times, after [0-9.]+ s altogether" "$SLUICE" status
longest=$(sed -n 's/.*whole again, after \([0-9]*\) ms.*/\1/p' "$tmp/run.txt" | sort -n | tail -n 1)
check "the longest was $longest ms" test "$longest" -lt 1000
nft 'add table inet other; add chain inet other early { type filter hook forward priority 0; }' 2>/dev/null
sleep 0.6
check "a chain before us is no reason to move" priority_is 10
nft 'add chain inet other late { type filter hook forward priority 10; }' 2>/dev/null
check "one at our number is: we are behind it" within 2 priority_is 11
check "its log says why" grep -q 'has moved: .*inet other late' "$tmp/run.txt"
check "with the blocks" words '192.0.2.7' nft list set inet sluice blocked4
check "an attack is dropped" silent get $V6 /evil
check "it ends well" stop
check "the table of the other is untouched" nft list chain inet other late
check "ours is gone" fails has_table
check "no record says that a packet was lost" fails some "r['event_type'] == 'stats' and r['stats'].get('capture', {}).get('kernel_drops', 0)"
