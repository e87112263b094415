#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What people type: confirm, status, block, unblock, release, reload, reopen, stop; and a start on which --confirm was not kept.
. "$(dirname "$0")/common.sh"
head -c 30000 /dev/urandom | base64 >"$tmp/page"
sum=$(sha256sum <"$tmp/page" | cut -d' ' -f1)
server serve "$tmp/page"
rules() {
	cat <<'R'
alert http any any -> any any (msg:"a page"; flow:established,to_server; http.uri; content:"/page"; sid:1; rev:1;)
R
}
socket=$tmp/socket
tell() { "$SLUICE" "$1" --socket "$socket" "${@:2}"; }
same() { [ "$(client get "$1" /page)" = "$sum" ]; }
says() { # WORDS COMMAND...
	local words=$1
	shift
	"$@" 2>&1 | grep -qE -- "$words"
}
with_status() { # STATUS COMMAND...
	local expected=$1
	shift
	"$@"
	[ $? = "$expected" ]
}
soon() {
	for _ in $(seq 50); do
		"$@" && return
		sleep 0.1
	done
	return 1
}
run() { start --socket "$socket" --set threshold-file="$tmp/threshold.config" --set respond.block.state-file="$tmp/blocks.json" "$@" < <(rules); }

check "nothing runs: status says so" with_status 3 tell status
check "and reload fails" with_status 1 tell reload
: >"$tmp/threshold.config"

run --confirm 4s || exit
check "not confirmed yet: status says so" says 'NOT CONFIRMED' tell status
wait "$sluice_pid"
check "not confirmed, it ends with status 1" test $? = 1
sluice_pid=
check "and its table is gone" fails has_table
check "status tells why" says 'not confirmed in time' tell status

run --confirm 4s || exit
check "confirm" tell confirm
check "a second word is one too many" with_status 1 tell confirm
sleep 4.5
check "confirmed, it stays" says '^protected since' tell status
check "a page arrives" same $V4
check "its alert is counted, with the line that silences it" soon says 'silence it: suppress gen_id 1, sig_id 1$' tell status
echo 'suppress gen_id 1, sig_id 1' >"$tmp/threshold.config"
check "that line, and a reload" says 'generation 2' tell reload
alerts() { "$SLUICE" status --json --socket "$socket" | python3 -c 'import json, sys; print(json.load(sys.stdin)["alerts"])'; }
before=$(alerts)
check "another page arrives" same $V4
sleep 1.2
check "silently" test "$(alerts)" = "$before"
mv "$tmp/log/eve.json" "$tmp/log/eve.json.1"
check "reopen" tell reopen
check "the log is there again" test -f "$tmp/log/eve.json"

for v in 4 6; do
	a=$V4 c=10.23.1.2
	[ $v = 4 ] || a=$V6 c=fd23:1::2
	check "IPv$v: block" says "blocked $c/.* until" tell block $c --for 10m --why 'a test'
	check "IPv$v: who is blocked gets nothing" fails same $a
	check "IPv$v: he is listed, with his packets" says "$c/.* [1-9][0-9]* packets  a test" tell blocks
	check "IPv$v: unblock" tell unblock $c
	check "IPv$v: he gets his page" same $a
	check "IPv$v: unblocked twice" with_status 1 tell unblock $c
done
check "the gateway itself is never blocked" with_status 1 tell block 10.23.1.1
check "what is no address" with_status 1 tell block somebody
check "release" says 'connections released' tell release 10.23.1.2
check "a command without its operand is wrong usage" with_status 2 tell block
check "an option of another command is, too" with_status 2 tell stop --for 2s
check "stop" says 'the table is gone' tell stop
wait "$sluice_pid"
check "it ended with status 0" test $? = 0
sluice_pid=
check "and without a table" fails has_table
check "traffic passes" same $V6

run --set gateway.owner-flag=no || exit
check "block, for good" says 'for good' tell block 10.23.1.2
nft delete table inet sluice
check "somebody deletes the table: it is there again" soon says 'inet sluice' nft list tables
check "status tells of it" soon says 'restored 1 times' tell status
check "with the block in it" fails same $V4
check "and inspects" same $V6
check "it ends" stop
run || exit
check "the block outlives a restart" says '10.23.1.2/32 +for good' tell blocks
check "and acts" fails same $V4
check "it ends again" stop

run --when-down drop || exit
kill -9 "$sluice_pid"
wait "$sluice_pid" 2>/dev/null
sluice_pid=
check "killed, with when-down: drop: status says that traffic is dropped" says 'traffic: dropped' tell status
check "and that it was killed" says 'last run: from 2.*: killed' tell status
check "stop opens" says 'passes without inspection' tell stop
check "no table is left" fails has_table
check "traffic passes again" same $V6
