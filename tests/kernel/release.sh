#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Released flows go by in the kernel: the keyword bypass, stream.bypass and gateway.release; both families.
. "$(dirname "$0")/common.sh"
head -c 3000000 /dev/urandom >"$tmp/page"
sum=$(sha256sum <"$tmp/page" | cut -d' ' -f1)
server serve "$tmp/page"
long=/long?$(printf 'x%.0s' $(seq 3000))
same() { [ "$(client get "$1" "$2")" = "$sum" ]; }
# Packets that the table let by before the queue.
released() { nft list table inet sluice | sed -n 's/.*counter packets \([0-9]*\) .*accept.*comment "released".*/\1/p' | awk '{ n += $1 } END { print n + 0 }'; }
# past COMMAND...: while it runs most of the page (2000 segments, in 60 pieces at least) goes by before the queue
past() {
	local before after
	before=$(released)
	"$@" || return
	after=$(released)
	echo "$before then $after packets were released"
	[ $((after - before)) -ge 40 ]
}
none() {
	local before
	before=$(released)
	"$@" && [ "$(released)" = "$before" ]
}
rules() { echo 'alert http any any -> any any (msg:"enough"; flow:established,to_server; http.uri; content:"/enough"; bypass; sid:1; rev:1;)'; }
# flows WHY N: records of flows that were released; few packets of theirs were seen, and their end was not
flows() {
	local few="r['flow']['pkts_toserver'] + r['flow']['pkts_toclient'] < 40 and r['flow']['bytes_toclient'] < 1000000"
	[ "$(records "r['event_type'] == 'flow' and r['flow'].get('released') == '$1' and r['flow']['bypass'] == 'capture' and r['flow']['state'] == 'bypassed' and r['flow']['reason'] != 'timeout' and $few")" = "$2" ]
}

start < <(rules) || exit
for address in $V4 $V6; do
	check "the keyword: the rest goes by in the kernel ($address)" past same $address /enough
	check "another is inspected to its end ($address)" none same $address /page
done
check "sluice ends with status 0" stop
check "the records say by whom" flows rule 2
check "the others are not released" [ "$(records "r['event_type'] == 'flow' and r['app_proto'] == 'http' and 'released' not in r['flow']")" = 2 ]
check "what was requested is told" [ "$(records "r['event_type'] == 'http' and r['http']['url'] == '/enough'")" = 2 ]
rm -rf "$tmp/log"

for how in gateway.release=depth stream.bypass=yes; do
	start --set stream.reassembly.depth=2kb --set $how < <(rules) || exit
	for address in $V4 $V6; do
		check "$how: the rest goes by in the kernel ($address)" past same $address "$long"
		check "$how: not when one direction goes on ($address)" none same $address /page
	done
	check "$how: sluice ends with status 0" stop
	check "$how: the records say why" flows depth 2
	rm -rf "$tmp/log"
done

start --set stream.reassembly.depth=2kb --set gateway.release=depth < <(rules; echo 'alert tcp any any -> any any (msg:"any time"; flow:established; dsize:>60000; sid:2; rev:1;)') || exit
check "a rule that may still match holds a flow" none same $V4 "$long"
check "it ends" stop
