#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What others stumbled over: a resolver's two questions from one port, of a connection that conntrack has not confirmed yet; more workers than there can be; packets that
# bear somebody's mark. PAIRS=2000 for a long run.
. "$(dirname "$0")/common.sh"
. "$here/both_ends.sh"
pairs=${PAIRS:-200}
begin_server serve-names
rules='alert dns any any -> any 53 (msg:"a question"; dns.query; content:"host"; sid:1;)
drop dns any any -> any 53 (msg:"stopped"; dns.query; content:"nowhere"; sid:2;)'
# packets that the table sent to queues
queued() { nft list table inet sluice 2>/dev/null | awk '/queue|XT target NFQUEUE/ { for (i = 1; i < NF; i++) if ($i == "packets") n += $(i + 1) } END { print n + 0 }'; }
answered() { # HOW
	for a in $V4 $V6; do
		[ $a = $V4 ] && v=IPv4 || v=IPv6
		ends client pairs $a "$pairs" >"$tmp/pairs.txt" 2>&1
		status=$?
		check "$1, $v: $(tail -n 1 "$tmp/pairs.txt")" test $status = 0
	done
}
start -q 0-7 <<<"$rules" || exit
answered "four workers"
check "each packet was queued once" test "$(queued)" = $((8 * pairs))
check "sluice ends with status 0" stop
check "each question was seen" test "$(records "r['event_type'] == 'alert' and r['alert']['signature_id'] == 1")" = $((4 * pairs))
check "nothing was dropped" none "r['event_type'] == 'drop'"
rm -r "$tmp/log"
if nft 'table ip nat { chain post { type nat hook postrouting priority 100; oifname outside masquerade; }; }' 2>/dev/null &&
	nft 'table ip6 nat { chain post { type nat hook postrouting priority 100; oifname outside masquerade; }; }' 2>/dev/null; then
	start -q 0-7 <<<"$rules" || exit
	answered "behind masquerade"
	check "sluice ends with status 0" stop
	check "each question was seen behind masquerade" test "$(records "r['event_type'] == 'alert' and r['alert']['signature_id'] == 1")" = $((4 * pairs))
	rm -r "$tmp/log"
else
	echo "skip $name: behind masquerade: this kernel has no nft nat"
fi
kill "$server_pid"
wait "$server_pid" 2>/dev/null

# ---- marks, as IPsec's policies and uplinks set them: one way through one queue ----
begin_server
nft 'table inet marks {
	chain pre { type filter hook prerouting priority -150; meta mark set 0x00420042; ct mark set 0x00420042; }
	chain late { type filter hook forward priority 150; meta mark 0x00420042 counter; meta mark != 0x00420042 counter comment "lost"; }
}'
start -q 0-3 <<<"$rules" || exit
for a in $V4 $V6; do
	[ $a = $V4 ] && v=IPv4 || v=IPv6
	before=$(queued)
	check "$v: 50 datagrams with marks come back" ends client send $a 7 50
	check "$v: each of the 100 packets was queued once" test "$(($(queued) - before))" = 100
done
check "their marks are as before" fails sh -c "nft list table inet marks | grep 'lost' | grep -v 'packets 0 '"
check "sluice ends with status 0" stop
check "and sluice saw each of them once" some "r['event_type'] == 'stats' and r['stats']['ips']['accepted'] == 200"

# ---- more than there can be ----
refuses() { "$SLUICE" run -S "$tmp/test.rules" -l "$tmp/log" "$@" >"$tmp/refused.txt" 2>&1; }
check "more than 16 workers are refused, with status 1" status_is 1 refuses -q 0-35
check "in words" grep -q '36 queues are 18 workers; at most 16 are possible' "$tmp/refused.txt"
check "nothing stays behind" fails has_table
start -q 0-31 <<<"$rules" || exit
check "16 workers: a datagram is answered" ends client send $V6 7 1
check "sluice ends with status 0" stop
