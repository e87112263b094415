#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Behind masquerade, DNAT and both at once (a hairpin: client and server on one side), IPv4 and IPv6: harmless traffic arrives byte for byte, attacks are stopped, answers of
# reject rules reach the right ends from the right addresses, blocks take whom the client meant, connections from before the start are inspected.
. "$(dirname "$0")/common.sh"
. "$here/both_ends.sh"
declare -A client=([4]=$C4 [6]=$C6) server=([4]=$V4 [6]=$V6)       # from the client to the server outside: masquerade
declare -A public=([4]=203.0.113.7 [6]=2001:db8:7::7)              # port 8007 of it is the server's port 7
declare -A loop=([4]=203.0.113.8 [6]=2001:db8:7::8)                # the same of a server beside the client, which sees the gateway as its client
declare -A beside=([4]=10.23.1.3 [6]=fd23:1::3) inner=([4]=10.23.1.1 [6]=fd23:1::1) outer=([4]=198.51.100.1 [6]=2001:db8:2::1)
export SILENCE=1.5
"$SLUICE" lab run --on client -- sh -c "ip addr add ${beside[4]}/24 dev eth0; ip addr add ${beside[6]}/64 dev eth0 preferred_lft 0"
begin_server
ends client serve 7 "${beside[@]}" >"$tmp/beside.txt" 2>&1 &
for v in 4 6; do
	[ $v = 4 ] && ip=ip icmp=icmp s="${server[4]}" b="${beside[4]}" || { ip=ip6 icmp=icmpv6 s="[${server[6]}]" b="[${beside[6]}]"; }
	nft "table $ip nat {
		chain pre { type nat hook prerouting priority -100;
			$ip daddr { ${public[$v]}, ${inner[$v]} } tcp dport 8007 dnat to $s:7
			$ip daddr ${public[$v]} udp dport 8007 dnat to $s:7
			$ip daddr ${public[$v]} meta l4proto $icmp dnat to ${server[$v]}
			$ip daddr ${loop[$v]} tcp dport 8007 dnat to $b:7
			$ip daddr ${loop[$v]} udp dport 8007 dnat to $b:7
			$ip daddr ${loop[$v]} meta l4proto $icmp dnat to ${beside[$v]}
		}
		chain post { type nat hook postrouting priority 100;
			oifname inside masquerade
			ct status dnat accept
			oifname outside masquerade
		}
	}" || skip "this kernel has no nft nat for IPv$v"
done
within 20 grep -qs '^listening' "$tmp/beside.txt"
ways="masquerade dnat hairpin"
# way NAME V: whom the client calls, on which port; as whom the server sees it; who the server is; where what the server says stands
way() {
	case $1 in
	masquerade) to=${server[$2]} port=7 peer=${outer[$2]} real=${server[$2]} said=$tmp/server.txt ;;
	dnat) to=${public[$2]} port=8007 peer=${client[$2]} real=${server[$2]} said=$tmp/server.txt ;;
	hairpin) to=${loop[$2]} port=8007 peer=${inner[$2]} real=${beside[$2]} said=$tmp/beside.txt ;;
	esac
}
# all PROTO LENGTH [PLACE [after [NAME]]]: a step for each way and family; nothing known speaks against them going at once
all() {
	for w in $ways; do
		for v in 4 6; do
			way "$w" $v
			echo "$w-$v-${5:-$1} $1 $to $port $2 ${3:--} ${4:-}"
		done
	done
}
# each WHAT COMMAND...: a check for each way and family; the command sees what `way` sets
each() {
	local what=$1
	shift
	for w in $ways; do
		for v in 4 6; do
			way "$w" $v
			check "$w, IPv$v: $what" "$@"
		done
	done
}
long() { python3 -c 'import ipaddress, sys; print(ipaddress.ip_address(sys.argv[1]).exploded)' "$1"; } # as records write addresses

# ---- reject: who hears of it, and from whom ----
sid=10
for proto in tcp udp icmp; do
	port=7
	[ $proto = icmp ] && port=any
	for form in reject rejectdst rejectboth; do
		case $form in reject) at=0 ;; rejectdst) at=20 ;; *) at=40 ;; esac
		echo "$form $proto any any -> any $port (msg:\"$form\"; content:\"evil-thing\"; offset:$at; depth:10; sid:$((sid++));)"
	done
done >"$tmp/reject.rules"
start -q 0-3 <"$tmp/reject.rules" || exit
{
	for at in 0 20 40; do
		all tcp 100 $at '' tcp$at
		all udp 100 $at after udp$at
	done
	all udp 100 0 '' first
	all icmp 100 0 '' icmp
} | ask
by() { said "$w-$v-$1" "refused [0-9a-f]+ by $to"; }
of_client() { said "$w-$v-$1" "$2"; }
twice() { [ "$(grep -c "^$1\$" "$said")" = 2 ]; }
heard() { # WORDS: the server heard them twice
	within 2 twice "$1" && return
	grep "^${1%% *}" "$said"
	return 1
}
resets() { heard "reset $peer"; }
errors() { heard "unreachable $peer $peer"; }
each "reject resets the client" of_client tcp0 reset
each "rejectdst leaves the client waiting" of_client tcp20 silent
each "rejectboth resets the client" of_client tcp40 reset
each "rejectdst and rejectboth reset the server" resets
each "reject: a datagram is unreachable, by the address that was called" by udp0
each "rejectdst: nobody tells the client" of_client udp20 silent
each "rejectboth: unreachable, by the address that was called" by udp40
each "rejectdst and rejectboth: the server's answer is unreachable, by its client" errors
each "reject: the first datagram is unreachable, by the address that was called" by first
each "reject: an echo request is unreachable, by the address that was called" by icmp
check "nothing of it came through" fails grep -q '^evil' "$tmp/server.txt" "$tmp/beside.txt"
check "sluice ends with status 0" stop
rm -r "$tmp/log"

# ---- what is harmless and what is not ----
start -q 0-3 <<'R' || exit
drop tcp any any -> any 7 (msg:"tcp"; flow:established,to_server; content:"evil-thing"; sid:1;)
drop udp any any -> any 7 (msg:"udp"; content:"evil-thing"; sid:2;)
drop icmp any any -> any any (msg:"icmp"; content:"evil-thing"; sid:3;)
R
{
	all tcp 300000
	all udp 300
	all udp 9000 - '' long
	all icmp 3000
	all tcp 90000 80000 '' evil-tcp
	all udp 300 100 '' evil-udp
	all udp 9000 8000 '' evil-long
	all icmp 3000 2000 '' evil-icmp
} | ask
came() { server_said=$said arrived "$w-$v-$1" "$peer"; }
gone() { server_said=$said stopped "$w-$v-$1"; }
for one in tcp udp long icmp; do
	each "$one arrives byte for byte, from the address that it should" came $one
	each "$one with an attack is stopped" gone evil-$one
done
check "sluice ends with status 0" stop
named() { [ "$(records "r['event_type'] in ('alert', 'drop') and r.get('src_ip') == '$(long "${client[$v]}")' and r.get('dest_ip') == '$(long "$real")'")" -ge "$1" ]; }
each "alerts and drop records name client and server as they are" named 8
check "and nobody else" none "r['event_type'] == 'alert' and r['src_ip'] not in ('$C4', '$long_C6')"
rm -r "$tmp/log"

# ---- blocks: whom the client meant, not whom DNAT made of it ----
# An attack at 0: its source is blocked, at 20: its destination; tcp-answer, udp-first and icmp say by which packet.
for at in 0 20; do
	echo "alert tcp any any -> any 7 (msg:\"request\"; flow:established,to_server; content:\"evil-thing\"; offset:$at; depth:10; sid:$((100 + at));)"
	echo "alert tcp any 7 -> any any (msg:\"answer\"; flow:established,to_client; content:\"evil-thing\"; offset:$((40 + at)); depth:10; sid:$((101 + at));)"
	echo "alert udp any any -> any 7 (msg:\"datagram\"; content:\"evil-thing\"; offset:$at; depth:10; sid:$((102 + at));)"
	echo "alert icmp any any -> any any (msg:\"echo request\"; itype:8; content:\"evil-thing\"; offset:$at; depth:10; sid:$((103 + at));)"
	echo "alert icmp any any -> any any (msg:\"echo request\"; itype:128; content:\"evil-thing\"; offset:$at; depth:10; sid:$((104 + at));)"
done >"$tmp/block.rules"
cat >"$tmp/policy.yaml" <<'Y'
%YAML 1.1
---
respond:
  rules:
    - match: { sid: [100, 101, 102, 103, 104] }
      do: block src for 10m
    - match: { sid: [120, 121, 122, 123, 124] }
      do: block dst for 10m
Y
tell() { "$SLUICE" "$1" --socket "$tmp/socket" "${@:2}"; }
start -q 0-3 --include "$tmp/policy.yaml" --socket "$tmp/socket" <"$tmp/block.rules" || exit
listed() { tell blocks | awk '$1 ~ /\// { print $1 }' | sort; }
in_kernel() { nft list table inet sluice 2>/dev/null | grep -oE '[0-9a-f.:]+(/[0-9]+)? (counter packets [0-9]+ bytes [0-9]+ )?timeout' | awk '{ print $1 }' | sort; }
# attack "WAYS" PROTO PLACE: one of each of these ways and both families, all at once
attack() { ways=$1 all "$2" 100 "$3" | ask; }
# only ADDRESS...: these are blocked, by the list and by the kernel, and nobody else
only() {
	local want
	want=$(printf '%s\n' "$@" | sort)
	[ "$(listed | sed 's/\/32$//; s/\/128$//')" = "$want" ] && [ "$(in_kernel)" = "$want" ] && return
	tell blocks
	in_kernel
	return 1
}
free() { listed | while read -r one; do tell unblock "$one" >/dev/null; done; }
reached() { # WAY: in both families
	ways=$1 all udp 100 | ask
	said "$1-4-udp" same && said "$1-6-udp" same
}

attack "dnat hairpin" tcp 20
check "block dst, TCP, DNAT: the addresses that were called are blocked" only "${public[@]}" "${loop[@]}"
PATIENCE=2 check "and not reached any more" fails reached dnat
check "the server itself is" reached masquerade
free
attack masquerade tcp 20
check "block dst, TCP, masquerade: the server" only "${server[@]}"
free
attack "dnat hairpin" udp 20
check "block dst, the first datagram, DNAT: the addresses that were called" only "${public[@]}" "${loop[@]}"
free
attack "dnat hairpin" icmp 20
check "block dst, an echo request, DNAT: the addresses that were called" only "${public[@]}" "${loop[@]}"
free
attack masquerade udp 20
check "block dst, the first datagram, masquerade: the server" only "${server[@]}"
free
attack "$ways" tcp 60
check "block dst of an answer: the client" only "${client[@]}"
free
attack "$ways" tcp 40
check "block src of an answer: the servers" only "${server[@]}" "${beside[@]}"
free
attack "$ways" tcp 0
check "block src: the client" only "${client[@]}"
free
printf 'own-%s tcp %s 8007 100 20\n' 4 "${inner[4]}" 6 "${inner[6]}" | ask
check "block dst, a port of the gateway's own address: the attack is dropped" said own-4 silent
check "IPv6 as well" said own-6 silent
check "and nobody is blocked" test -z "$(listed)"
check "all ways are as before: masquerade" reached masquerade
check "DNAT" reached dnat
check "hairpin" reached hairpin
check "sluice ends with status 0" stop
# in_record PREFIX SID: a record says that it was blocked for this rule
in_record() { some "r['event_type'] == 'block' and r['block']['action'] == 'block' and r['block']['prefix'] == '$1' and r['block']['signature_id'] == $2 and 'flow_id' in r"; }
for v in 4 6; do
	[ $v = 4 ] && len=32 icmp=123 || { len=128 icmp=124; }
	for one in "${public[$v]} 120" "${loop[$v]} 120" "${server[$v]} 120" "${public[$v]} 122" "${loop[$v]} $icmp" "${client[$v]} 121" "${server[$v]} 101" "${client[$v]} 100"; do
		check "IPv$v: the record of the block: ${one% *} by rule ${one#* }" in_record "${one% *}/$len" "${one#* }"
	done
	check "IPv$v: the record of the one that was spared" some "r['event_type'] == 'block' and r['block']['action'] == 'spare' and r['block']['prefix'] == '${inner[$v]}/$len' and r['block']['why'].startswith('own address')"
done
rm -r "$tmp/log"

# ---- connections from before the start ----
evil() { cat "$tmp/server.txt" "$tmp/beside.txt" | grep -c '^evil'; }
for w in $ways; do
	for v in 4 6; do
		way "$w" $v
		[ $v = 6 ] && to="[$to]"
		for one in "$w$v" "$w${v}_evil"; do
			PATIENCE=4 talk "$one" "$to:$port" || not_ok "$w, IPv$v: no connection before the start"
		done
	done
done
start -q 0-3 <<<'drop tcp any any -> any 7 (msg:"tcp"; flow:to_server; content:"something evil"; sid:1;)' || exit
sleep 0.5
before=$(evil)
touch "$tmp"/{masquerade,dnat,hairpin}{4,6}_evil.evil
sleep 0.5
for w in $ways; do
	for v in 4 6; do
		check "$w, IPv$v: a connection from before the start goes on" finish_talk "$w$v"
		check "$w, IPv$v: an attack in another one is stopped" status_is 2 finish_talk "$w${v}_evil"
	done
done
check "no attack reached a server" test "$(evil)" = "$before"
check "sluice ends with status 0" stop
