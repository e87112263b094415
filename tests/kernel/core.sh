#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The core of families and nat in one short run, for slow machines: TCP and fragments, plain, behind masquerade and DNAT, IPv4 and IPv6; attacks stopped, the called address blocked.
. "$(dirname "$0")/common.sh"
. "$here/both_ends.sh"
nft 'table ip nat { chain pre { type nat hook prerouting priority -100; ip daddr 203.0.113.7 meta l4proto { tcp, udp } dnat to 198.51.100.2; }
	chain post { type nat hook postrouting priority 100; ct status dnat accept; oifname outside masquerade; }; }' || skip "this kernel has no nft nat"
nft 'table ip6 nat { chain pre { type nat hook prerouting priority -100; ip6 daddr 2001:db8:7::7 meta l4proto { tcp, udp } dnat to 2001:db8:2::2; }
	chain post { type nat hook postrouting priority 100; ct status dnat accept; oifname outside masquerade; }; }' || skip "this kernel has no nft nat for IPv6"
begin_server
start -q 0-3 --set respond.rules.0.match.sid=3 --set "respond.rules.0.do=block dst for 10m" <<'R' || exit
drop tcp any any -> any 7 (msg:"tcp"; flow:established,to_server; content:"evil-thing"; sid:1;)
drop udp any any -> any 7 (msg:"udp"; content:"evil-thing"; offset:1; sid:2;)
alert udp any any -> any 7 (msg:"block"; content:"evil-thing"; startswith; sid:3;)
R
steps() { # NAME ADDRESS BORDER
	echo "$1-tcp tcp $2 7 200000"
	echo "$1-udp udp $2 7 4000"
	echo "$1-evil-tcp tcp $2 7 30000 20000"
	echo "$1-evil-border udp $2 7 4000 $(($3 - 4))"
	echo "$1-evil-second udp $2 7 4000 2000"
}
{
	steps masquerade-4 $V4 1472
	steps masquerade-6 $V6 1440
	steps dnat-4 203.0.113.7 1472
	steps dnat-6 2001:db8:7::7 1440
} | ask
for one in "masquerade-4 198.51.100.1" "masquerade-6 2001:db8:2::1" "dnat-4 $C4" "dnat-6 $C6"; do
	way=${one% *}
	check "$way: TCP arrives byte for byte, from the address that it should" arrived $way-tcp "${one#* }"
	check "$way: a datagram in fragments does, too" arrived $way-udp "${one#* }"
	check "$way: TCP with an attack is stopped" stopped $way-evil-tcp
	check "$way: an attack across the border of fragments is stopped" stopped $way-evil-border
	check "$way: one in the second fragment is stopped" stopped $way-evil-second
done
printf 'block-%s udp %s 7 100 0\n' 4 203.0.113.7 6 2001:db8:7::7 | ask
{
	nft list set inet sluice blocked4
	nft list set inet sluice blocked6
} >"$tmp/table.txt" 2>/dev/null
check "block dst of a first datagram, IPv4: the address that was called is blocked" grep -q '203\.0\.113\.7 .*expires' "$tmp/table.txt"
check "IPv6: the address that was called is blocked" grep -q '2001:db8:7::7 .*expires' "$tmp/table.txt"
check "the server itself is not" fails grep -qE '(198\.51\.100\.2|2001:db8:2::2) .*expires' "$tmp/table.txt"
check "no attack reached the server" fails grep -q '^evil' "$tmp/server.txt"
check "sluice ends with status 0" stop
