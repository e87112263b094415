#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The capture and the table alone, by the accept loop: nothing is lost, changed or sent to the wrong worker.
. "$(dirname "$0")/common.sh"
loop=$(dirname "$SLUICE")/accept_loop
[ -x "$loop" ] || skip "there is no accept_loop beside the program"
head -c 20000000 /dev/urandom >"$tmp/page"
sum=$(sha256sum <"$tmp/page" | cut -d' ' -f1)
server serve "$tmp/page"
begin() {
	"$loop" "$@" >"$tmp/run.txt" 2>&1 &
	sluice_pid=$!
	for _ in $(seq 100); do
		grep -q '^READY' "$tmp/run.txt" && return
		sleep 0.1
	done
	not_ok "the accept loop did not get ready"
}
same() { [ "$(client get "$1" /page)" = "$sum" ]; }
whole() { [ "$(client big "$1" 65507)" = 65507 ]; }
refused_port() {
	client udp "$1" hello 5354
	[ $? = 1 ]
}
workers_with_packets() { grep -cE '^worker [0-9]+: [1-9]' "$tmp/run.txt"; }

begin --workers 1
check "IPv4: 20 MB arrive unchanged" same $V4
check "IPv6: 20 MB arrive unchanged" same $V6
check "IPv4: a datagram longer than the copy range arrives whole" whole $V4
check "IPv6: a datagram longer than the copy range arrives whole" whole $V6
stop
check "TCP came in packets of many segments" awk '/^worker/ { exit !($8 + 0 > 20000) }' "$tmp/run.txt"
check "nothing was lost, no verdict failed" grep -q ' 0 lost, 0 errors' "$tmp/run.txt"
check "the table counted as many packets as were seen" sh -c "
	awk '/^worker/ { seen += \$3 } /^the table counted/ { exit seen != \$4 }' '$tmp/run.txt'"
check "no table is left" fails has_table

for a in $V4 $V6; do
	[ $a = $V4 ] && v=IPv4 || v=IPv6
	begin --workers 4
	check "$v: one connection over four workers arrives unchanged" same $a
	check "$v: a datagram is answered" client udp $a hello
	stop
	begin --workers 4
	client get $a /page >/dev/null
	stop
	check "$v: both directions of a connection meet one worker" test "$(workers_with_packets)" = 1
	begin --workers 4
	check "$v: the error about a datagram comes back" refused_port $a
	stop
	check "$v: the ICMP error meets the worker of its flow" test "$(workers_with_packets)" = 1
done

begin --drop
check "a dropped connection gets nothing" sh -c "! '$SLUICE' lab run --on client -- python3 '$here/net.py' get $V4 /page"
stop
