#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# IPv4 and IPv6, TCP, UDP and ICMP, whole and in fragments, put together by conntrack before the queue or by sluice: what is harmless arrives byte for byte, what bears
# an attack does not, wherever it stands; records name the right ends.
. "$(dirname "$0")/common.sh"
. "$here/both_ends.sh"
begin_server
nft 'table inet fragments { chain early { type filter hook prerouting priority -450; ip frag-off & 0x1fff != 0 counter comment "v4"; exthdr frag exists counter comment "v6"; }; }'
seen_fragments() { nft list table inet fragments | grep -q "packets [1-9].*\"$1\""; }
rules='drop tcp any any -> any 7 (msg:"tcp"; flow:established,to_server; content:"evil-thing"; sid:1;)
drop udp any any -> any 7 (msg:"udp"; content:"evil-thing"; sid:2;)
drop icmp any any -> any any (msg:"icmp"; content:"evil-thing"; sid:3;)'
# steps PREFIX ADDRESS BORDER: BORDER is where the second fragment begins, with an MTU of 1500
steps() {
	cat <<S
$1-tcp tcp $2 7 1000000
$1-udp udp $2 7 300
$1-udp-long udp $2 7 4000
$1-udp-longest udp $2 7 65000
$1-icmp icmp $2 0 56
$1-icmp-long icmp $2 0 20000
$1-pieces pieces $2 7 500
$1-evil-tcp tcp $2 7 100000 70000
$1-evil-udp udp $2 7 300 100
$1-evil-udp-second udp $2 7 4000 2000
$1-evil-udp-border udp $2 7 4000 $(($3 - 4))
$1-evil-udp-last udp $2 7 20000 19990
$1-evil-icmp icmp $2 0 56 20
$1-evil-icmp-second icmp $2 0 4000 2000
$1-evil-icmp-border icmp $2 0 4000 $(($3 - 4))
$1-evil-pieces pieces $2 7 500 250
S
}
inspect() { # HOW
	{
		steps v4 $V4 1472
		steps v6 $V6 1440
	} | ask
	for v in v4 v6; do
		[ $v = v4 ] && peer=$C4 || peer=$C6
		for one in tcp udp udp-long udp-longest icmp icmp-long pieces; do
			check "$1, $v: $one arrives byte for byte, both ways" arrived $v-$one "$peer"
		done
		for one in tcp udp udp-second udp-border udp-last icmp icmp-second icmp-border pieces; do
			check "$1, $v: $one with an attack is stopped" stopped $v-evil-$one
		done
		check "$1, $v: there were fragments" seen_fragments $v
	done
	check "$1: no attack reached the server" fails grep -q '^evil' "$tmp/server.txt"
}
# named FAMILY SID PROTO N: alerts and drop records of the attacks, with both ends
named() {
	local client=$C4 server=$V4 ends
	[ "$1" = v4 ] || client=$long_C6 server=$long_V6
	ends="r.get('src_ip') == '$client' and r.get('dest_ip') == '$server' and r.get('proto') == '$3'"
	[ "$(records "r['event_type'] == 'alert' and r['alert']['signature_id'] == $2 and r['alert']['action'] == 'blocked' and $ends")" = "$4" ] &&
		some "r['event_type'] == 'drop' and r['drop']['reason'] == 'rules' and $ends" && none "r['event_type'] == 'alert' and r['alert']['signature_id'] == $2 and r['ip_v'] == ${1#v} and not ($ends)"
}
records_name() { # HOW
	for v in v4 v6; do
		[ $v = v4 ] && icmp=ICMP || icmp=IPv6-ICMP
		check "$1, $v: TCP: alert and drop record name both ends" named $v 1 TCP 1
		check "$1, $v: UDP: alerts and drop records name both ends" named $v 2 UDP 5
		check "$1, $v: ICMP: alerts and drop records name both ends" named $v 3 $icmp 3
	done
	rm -r "$tmp/log"
}

start -q 0-3 <<<"$rules" || exit
inspect "put together by conntrack"
check "sluice ends with status 0" stop
records_name "put together by conntrack"
nft 'table inet plain { chain early { type filter hook prerouting priority -440; notrack; }; }' # after the counters, before conntrack's defragmentation
start -q 0-3 <<<"$rules" || exit
inspect "fragments as they are"
check "sluice ends with status 0" stop
check "it put them together itself" some "r['event_type'] == 'stats' and r['stats']['defrag']['ipv4']['reassembled'] > 5 and r['stats']['defrag']['ipv6']['reassembled'] > 5"
records_name "fragments as they are"
