#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Marks: a released flow leaves the queue, other bits of the marks stay, bits from elsewhere do not count. Block sets: both families, before conntrack.
. "$(dirname "$0")/common.sh"
. "$here/tool.sh"
head -c 3000000 /dev/urandom >"$tmp/page"
sum=$(sha256sum <"$tmp/page" | cut -d' ' -f1)
server serve "$tmp/page"
same() { [ "$(client get "$1" /page)" = "$sum" ]; }
silent() { client get "$@"; [ $? = 2 ]; }
# packets of the first counter behind WORDS in the firewall's table
fw() { nft list table inet fw | grep -F "$1" | sed 's/.*packets \([0-9]*\).*/\1/' | head -n 1; }

# A firewall with marks of its own, and chains that look at them behind sluice.
firewall() {
	nft delete table inet fw 2>/dev/null
	nft "table inet fw {
		chain pre { type filter hook prerouting priority -100; meta mark set $1; ct mark set $2; }
		chain late { type filter hook forward priority 150;
			meta mark $3 counter comment \"packet mark\"
			meta mark != $3 counter comment \"packet mark differs\"
			ct mark $4 counter comment \"connection mark\"
		}
	}"
}

for a in $V4 $V6; do
	[ $a = $V4 ] && v=IPv4 || v=IPv6
	begin || exit
	check "$v: without a mark all is queued: the page arrives" same $a
	all=$(count queued)
	check "$v: and none is released" test "$(count released)" = 0
	finished
	begin --mark 1 || exit
	check "$v: a released flow: the page arrives" same $a
	queued=$(count queued) released=$(count released)
	check "$v: it leaves the queue ($queued queued and $released released instead of $all queued)" test "$queued" -lt 12 -a "$released" -gt "$queued"
	finished
done

# The connection mark is set in prerouting for each packet here, so only what the verdict adds is looked at; 0x12 and 0x34 are somebody else's bits.
firewall 0x00120034 0x00560078 0x00120034 0x00560178
begin --mark 1 || exit
check "marks of others outside the mask are no conflict" fails grep -q '^#' "$tmp/run.txt"
check "marks of others: the page arrives" same $V4
check "the packet's mark is as before behind sluice" test "$(fw '"packet mark"')" -gt 10
check "on every packet" test "$(fw '"packet mark differs"')" = 0
check "the connection's mark has the verdict's bits beside the others" test "$(fw '"connection mark"')" -gt 0
finished

firewall 0x00000100 0 0 0
begin || exit
check "it is a conflict, and named" grep -q 'conflict: inet fw pre sets the bits 0x00000100' "$tmp/run.txt"
check "a mark within the mask that is not the verdict's: the page arrives" same $V4
check "it releases nothing" test "$(count released)" = 0
check "the packets are queued" test "$(count queued)" -gt 10
check "and it is gone behind sluice" test "$(fw '"packet mark differs"')" = 0
check "the connection has no mark of it" fails grep -q 'state [1-6] mark 0x00000100' <(ask flows)
finished
nft delete table inet fw

begin --mask 0xf0000000 --slow bulk --slow video --mark 3 || exit
check "a slow class, another mask: the page arrives" same $V4
check "the connection bears the class" answers ":80 .* mark 0x30000000" flows
check "and goes on being inspected" test "$(count released)" = 0
finished

# ---- block sets ----
begin --output || exit
tracked() { ask flows | grep -c "$1"; } # how many, older ones among them
for v in 4 6; do
	[ $v = 4 ] && { a=$V4 c=$C4 wide=10.23.0.0/16; } || { a=$V6 c=$C6 wide=fd23:1::/64; }
	before=$(tracked "$c:")
	check "IPv$v: a source is blocked" answers 'done 0' block $c=60
	check "IPv$v: it gets no answer" silent $a /page
	check "IPv$v: and is dropped before conntrack" test "$(tracked "$c:")" -le "$before"
	check "IPv$v: its element counts" answers "^$c/[0-9]+ [0-9.]+ [1-9]" blocks
	check "IPv$v: the table counts" test "$(count blocked)" -gt 0
	check "IPv$v: it is unblocked" answers 'done 0' block -$c
	check "IPv$v: and gets its page" same $a
	check "IPv$v: a prefix is blocked" answers 'done 0' block $wide=60
	check "IPv$v: its member gets no answer" silent $a /page
	ask block -$wide >/dev/null
	check "IPv$v: a destination is blocked" answers 'done 0' block $a=60
	check "IPv$v: nobody reaches it" silent $a /page
	check "IPv$v: nor does the gateway" fails python3 "$here/net.py" udp $a hello
	ask block -$a >/dev/null
	check "IPv$v: the gateway does again" python3 "$here/net.py" udp $a hello
	ask block $c=0.5 >/dev/null
	sleep 0.8
	check "IPv$v: after its time it is answered by itself" same $a
	check "IPv$v: what has expired may be taken off again" answers 'done 0' block -$c
	check "IPv$v: what has expired may be refreshed" answers 'done 0' block -$c $c=60
	check "IPv$v: a later end takes the place of the old one" answers 'done 0' block -$c $c=900
	check "IPv$v: as the list says" answers "^$c/[0-9]+ (899|900)" blocks
	ask block -$c >/dev/null
done
ask block 2001:db8:7::1=60 2001:db8:7::2=60 >/dev/null
check "a prefix takes the place of its members" answers 'done 0' block -2001:db8:7::1 -2001:db8:7::2 2001:db8:7::/64=60
check "it is alone" answers 'done 1' blocks
check "a prefix over another is refused" answers 'failed.*File exists' block 2001:db8::/32=60
check "adjacent prefixes and the last address of all" answers 'done 0' block 192.0.2.0/25=60 192.0.2.128/25=60 255.255.255.255=60
check "they are read as they were written" answers '^192.0.2.128/25 ' blocks
check "that of the end, too" answers '^255.255.255.255/32 ' blocks
ask block -2001:db8:7::/64 >/dev/null
check "100,000 prefixes are blocked" answers 'done 0' block-many 100000
took=$(awk '/^took/ { print $2 }' "$tmp/answer")
check "within seconds ($took s)" awk "BEGIN { exit !($took < 20) }"
check "they are all there" answers 'done 100003' blocks
check "our own changes are not news" answers 'done 0' watch
check "traffic of others passes" same $V4
check "the tool ends with status 0" finished
check "the table is gone" fails has_table
