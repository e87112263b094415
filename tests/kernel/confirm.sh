#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A first try over ssh: without a word in time all is gone again, also when the connection breaks.
. "$(dirname "$0")/common.sh"
echo hello >"$tmp/page"
server serve "$tmp/page"
rule='drop http any any -> any any (msg:"attack"; http.uri; content:"/evil"; sid:1;)'
status() { "$SLUICE" status "$@"; }
ends_with() { # STATUS
	within 10 sh -c "! kill -0 $sluice_pid 2>/dev/null || grep -q '^State:.Z' /proc/$sluice_pid/status" || return 1
	wait "$sluice_pid"
	local status=$?
	sluice_pid=
	[ $status = "$1" ]
}
for choice in bypass drop; do
	start --confirm 3s --when-down $choice <<<"$rule" || exit
	check "$choice: it waits, and says so" words 'NOT CONFIRMED: it ends in [0-3] s' status
	check "$choice: and acts" status_is 2 client get $V4 /evil
	check "$choice: not confirmed, it ends with status 1" ends_with 1
	check "$choice: its words" grep -q 'ended: it was not confirmed' "$tmp/run.txt"
	check "$choice: the table is gone" fails has_table
	check "$choice: status says why" words 'last run: .*not confirmed' status
	check "$choice: traffic passes" client get $V4 /evil
done
start --confirm 3s <<<"$rule" || exit
check "confirmed" words 'it stays' "$SLUICE" confirm
check "a second time there is nothing to confirm" status_is 1 "$SLUICE" confirm
sleep 3.5
check "it stays" has_table
check "status says nothing of it any more" fails words CONFIRM status
kill -HUP "$sluice_pid"
check "SIGHUP now means new rules" within 10 grep -q 'in force: generation 2' "$tmp/run.txt"
check "and it is still there" has_table
check "it ends well" stop
for choice in bypass drop; do
	start --confirm 60s --when-down $choice <<<"$rule" || exit
	kill -HUP "$sluice_pid"
	check "$choice: hung up while it waits: it ends" ends_with 0
	check "$choice: the table is gone" fails has_table
	check "$choice: status says why" words 'last run: .*terminal is gone' status
done
