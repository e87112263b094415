#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Marks of the verdicts `release` and `slow CLASS` among marks of other tables, set before and behind sluice: no bit outside the mask changes, in both directions, with any mask.
. "$(dirname "$0")/common.sh"
head -c 3000000 /dev/urandom >"$tmp/page"
sum=$(sha256sum <"$tmp/page" | cut -d' ' -f1)
server serve "$tmp/page"
same() { [ "$(client get "$1" "$2")" = "$sum" ]; }
rules() {
	cat <<'R'
alert http any any -> any any (msg:"slow"; flow:established,to_server; http.uri; content:"/slow"; sid:1;)
alert http any any -> any any (msg:"release"; flow:established,to_server; http.uri; content:"release"; sid:2;)
R
}
policy=(--set respond.rules.0.match.sid=1 --set "respond.rules.0.do=slow bulk" --set respond.rules.1.match.sid=2 --set respond.rules.1.do=release
	--set respond.slow.bulk.rate=800mbit)
# Before sluice: marks on each packet and each new connection. Behind it: one bit more on the connection, and what can be seen there, on the way out.
firewall() { # MASK RELEASED SLOW
	local rest
	rest=$(printf '0x%08x' $((0xffffffff & ~$1 & ~0x00010000)))
	nft delete table inet fw 2>/dev/null
	nft "table inet fw {
		chain pre { type filter hook prerouting priority -100; meta mark set 0x00120034; ct state new ct mark set 0x00560078; }
		chain behind { type filter hook forward priority 150; ct mark set ct mark or 0x00010000; }
		chain out { type filter hook postrouting priority 150;
			meta l4proto tcp meta mark 0x00120034 counter comment \"packet mark\"
			meta l4proto tcp meta mark != 0x00120034 counter comment \"packet mark differs\"
			meta l4proto tcp ct mark and $rest == 0x00560078 counter comment \"others\"
			meta l4proto tcp ct mark and $rest != 0x00560078 counter comment \"others differ\"
			meta l4proto tcp ct mark and 0x00010000 == 0 counter comment \"bit from behind is gone\"
			ct direction original ct mark and $1 == $2 counter comment \"released original\"
			ct direction reply ct mark and $1 == $2 counter comment \"released reply\"
			ct direction original ct mark and $1 == $3 counter comment \"slow original\"
			ct direction reply ct mark and $1 == $3 counter comment \"slow reply\"
		}
	}"
}
fw() { nft list table inet fw | grep -F "\"$1\"" | sed 's/.*packets \([0-9]*\).*/\1/' | head -n 1; }
kept() { # WHAT
	check "$1: no packet's mark was changed" test "$(fw 'packet mark differs')" = 0
	check "$1: they were seen" test "$(fw 'packet mark')" -gt 20
	check "$1: no bit of the connection's mark outside the mask was changed" test "$(fw 'others differ')" = 0
	check "$1: nor the bit that is set behind sluice" test "$(fw 'bit from behind is gone')" = 0
}
for masks in '0x0000ff00 0x00000100 0x00000200' '0xf0000000 0x10000000 0x20000000'; do
	set -- $masks
	for a in $V4 $V6; do
		[ $a = $V4 ] && v="mask $1, IPv4" || v="mask $1, IPv6"
		for path in /release /slow /slow-release; do
			firewall $masks
			start --set gateway.mark-mask=$1 "${policy[@]}" < <(rules) || exit
			check "$v, $path: the page arrives" same $a $path
			kept "$v, $path"
			if [ $path = /slow ]; then
				check "$v, $path: its mark is seen on the way out, both ways" test "$(fw 'slow original')" -gt 5 -a "$(fw 'slow reply')" -gt 5
				check "$v, $path: it is not released" test "$(fw 'released original')" = 0
			else
				check "$v, $path: its mark is seen on the way out, both ways" test "$(fw 'released original')" -gt 5 -a "$(fw 'released reply')" -gt 5
			fi
			check "$v, $path: it ends" stop
		done
	done
done
nft delete table inet fw
