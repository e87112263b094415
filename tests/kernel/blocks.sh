#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Blocks through the whole daemon: they end, escalate in one transaction of the kernel, spare who must not be blocked, and are listed.
. "$(dirname "$0")/common.sh"
. "$here/crowd.sh"

# ---- they end ----
run none || exit
for v in 4 6; do
	[ $v = 4 ] && a=$V4 c=10.23.1.130 len=32 || { a=$V6 c=$P:e::1 len=128; }
	check "IPv$v: the neighbour is heard" heard $a $c
	check "IPv$v: an attack is dropped" attack $a $c evil-short
	check "IPv$v: and its source is listed" listed $c/$len
	check "IPv$v: it is not heard" unheard $a $c
	check "IPv$v: what it sent is counted" is "$(json "[b['packets'] > 0 and b['sid'] for b in d['blocks'] if b['address'] == '$c/$len']")" '[1]'
	check "IPv$v: when its time is over it is heard" within 10 heard $a $c
	check "IPv$v: it is listed no more" within 5 fails listed $c/$len
	check "IPv$v: the record says that it ended" within 5 event expire $c/$len "r['block']['signature_id'] == 1"
done

# ---- they escalate ----
(exec stdbuf -oL nft monitor >"$tmp/monitor.txt") &
monitor=$!
sleep 0.5
transaction() { # NUMBER-OF-DELETIONS PREFIX: one transaction took them out and put it in
	awk -v n="$1" -v prefix="$2" '/^delete element/ { gone++ } /^add element/ && index($0, "{ " prefix " ") { here = 1 }
		/new generation/ { if (here && gone == n) good = 1; gone = here = 0 } END { exit !good }' "$tmp/monitor.txt"
}
escalated() { # PREFIX COVERED
	check "$1 stands in their stead" is "$(elements 6)" "$1 "
	check "$1: in one transaction with the removal of $2" within 3 transaction "$2" "$1"
	check "$1: the list says it" listed "$1"
	check "$1: the later end stays" test "$(left blocked6 "$1")" -gt 200
	check "$1: the record tells of $2" within 5 event escalate "$1" "r['block']['covered'] == $2"
}
check "/128: the first attack" attack $V6 $P::1 evil-long
check "/128: the second" attack $V6 $P::2 evil-short
check "/128: two addresses" is "$(elements 6)" "$P::1 $P::2 "
check "/128: a neighbour is heard" heard $V6 $P::3
check "/64: the third attack" attack $V6 $P::3 evil-short
escalated $P::/64 2
check "/64: a neighbour is not heard" unheard $V6 $P::ffff
check "/64: the next /64 is" heard $V6 $P:1::1
check "/56: an attack from another /64" attack $V6 $P:1::1 evil-short
escalated $P::/56 1
check "/56: a neighbour is not heard" unheard $V6 $P:2::1
check "/56: the next /56 is" heard $V6 $P:100::1
check "/48: an attack from another /56" attack $V6 $P:100::1 evil-short
escalated $P::/48 1
check "/48: a neighbour is not heard" unheard $V6 $P:ff00::1
check "/48: the next /48 is" heard $V6 2001:db8:101::1
check "IPv4 never escalates: five attacks" attack $V4 10.23.1.131 evil-long
for i in 132 133 134 135; do attack $V4 10.23.1.$i evil-long; done
check "IPv4: five addresses" is "$(elements 4)" "10.23.1.131 10.23.1.132 10.23.1.133 10.23.1.134 10.23.1.135 "
kill "$monitor"
wait "$monitor" 2>/dev/null

# ---- what a person says and sees ----
check "block with --for and --why" words 'blocked 192.0.2.0/24 until' ask block 192.0.2.0/24 --for 3m --why 'a test "of" words'
check "the list: what, until when, why, packets" words '192.0.2.0/24 +20[0-9-]+T[0-9:.+]+ +0 packets  a test "of" words$' ask blocks
check "and by which rule" words "$P::/48 .* packets  respond.rules.0: short \(sid 1\)" ask blocks
check "as JSON" is "$(json "[(b['why'], b['packets'], b['until'] > b['since'], 'sid' in b) for b in d['blocks'] if b['address'] == '192.0.2.0/24']")" "[('a test \"of\" words', 0, True, False)]"
check "JSON names rule and packets" is "$(json "[(b['sid'], b['gid'], b['packets'] > 0, b['bytes'] > 0) for b in d['blocks'] if b['address'] == '$P::/48']")" '[(1, 1, True, True)]'
check "a /48 is unblocked" ask unblock $P::/48
check "and heard" heard $V6 $P::1 $P:ff00::1
check "the record says so" within 5 event unblock $P::/48 True
check "what lies within a block is not unblocked by itself" words 'is blocked within 192.0.2.0/24' ask unblock 192.0.2.7
check "it ends" stop

# ---- who is never blocked ----
rm -rf "$tmp/log"
with_resolvers=
printf 'nameserver 10.23.1.150\nnameserver %s\n' $P:7::53 >"$tmp/resolv.conf"
mount --bind "$tmp/resolv.conf" /etc/resolv.conf 2>/dev/null && with_resolvers=1
export SSH_CONNECTION="10.23.1.140 50000 10.23.1.1 22"
run none || exit
spared() { # ADDRESS WHO WORDS
	check "$2 is never blocked: its attack is dropped" attack "$([[ $1 = *:* ]] && echo $V6 || echo $V4)" $1 evil-long
	check "$2: but it is heard" heard "$([[ $1 = *:* ]] && echo $V6 || echo $V4)" $1
	check "$2: the record says so" within 5 some "r['event_type'] == 'block' and r['block']['action'] == 'spare' and r['block']['prefix'].split('/')[0] == '$1' and '$3' in r['block']['why']"
	check "$2: nor by hand" words "never blocked: .*$3" ask block $1
	sleep 0.7 # one record a second
}
spared 10.23.1.140 'the ssh client' 'ssh client'
spared 10.23.1.225 'the management network' 'respond.allow'
spared 2001:db8:10f::7 'the management network (IPv6)' 'respond.allow'
if [ -n "$with_resolvers" ]; then
	spared 10.23.1.150 'the resolver' resolver
	spared $P:7::53 'the resolver (IPv6)' resolver
else
	echo "skip $name: /etc/resolv.conf cannot be another here: resolvers"
fi
for v in 4 6; do
	[ $v = 4 ] && a=$V4 c=10.23.1.141 own=198.51.100.1 || { a=$V6 c=$P:8::1 own=2001:db8:2::1; }
	check "IPv$v: the gateway's bad echo is dropped" attack $a $c bad
	check "IPv$v: but it is heard" heard $a $c
	check "IPv$v: the record says so" within 5 some "r['event_type'] == 'block' and r['block']['action'] == 'spare' and r['block']['prefix'].split('/')[0] == '$a' and 'gateway' in r['block']['why']"
	check "IPv$v: nor by hand" words 'never blocked: .*gateway' ask block $a
	sleep 0.7
	check "IPv$v: this machine's own attack is dropped" fails env PATIENCE=0.3 python3 "$here/crowd.py" tell $a evil-long $own
	check "IPv$v: but it is heard" python3 "$here/crowd.py" tell $a hello $own
	check "IPv$v: the record says so" within 5 some "r['event_type'] == 'block' and r['block']['action'] == 'spare' and r['block']['prefix'].split('/')[0] == '$own' and 'own address' in r['block']['why']"
	check "IPv$v: nor by hand" words 'never blocked: .*own address' ask block $own
	check "IPv$v: nor a network around it" words 'never blocked' ask block $own/24
	sleep 0.7
done
check "nobody is blocked" is "$(elements 4)$(elements 6)" ""
check "it ends" stop
unset SSH_CONNECTION
[ -z "$with_resolvers" ] || umount /etc/resolv.conf
