#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Before there is protection with when-down drop; who holds the network namespace; what the table says to one who asks from outside.
. "$(dirname "$0")/common.sh"
. "$here/tool.sh"
echo hello >"$tmp/page"
server serve "$tmp/page"
silent() { client get "$1" /page; [ $? = 2 ]; }
state() { "$tool" state | grep -qE "^$1"; }
die() {
	kill -9 "$sluice_pid"
	wait "$sluice_pid" 2>/dev/null
	exec 7>&-
	sluice_pid=
}
check "no table" state 'there 0'
begin --guard || exit
check "the guard drops IPv4" silent $V4
check "the guard drops IPv6" silent $V6
check "it is a guard, and closed" state 'there 1 ours 1 self 0 alive 1 guard 1 drops 1 hooks 2 age [0-9]{1,3}$'
"$tool" >"$tmp/second.txt" 2>&1 </dev/null
check "a second one is refused before there are queues, and told by whom" grep -q "runs already.* process $sluice_pid;" "$tmp/second.txt"
die
check "killed, the guard stays" state 'there 1 ours 1 self 0 alive 0 guard 1 drops 1'
check "closed" silent $V4
begin --drop || exit
check "the next run takes its place" state 'there 1 ours 1 self 0 alive 1 guard 0 drops 1'
check "traffic passes" client get $V4 /page
die
check "killed, it is closed" silent $V6
check "and says so" state 'there 1 ours 1 self 0 alive 0 guard 0 drops 1'
begin || exit
check "bypass" state 'there 1 ours 1 self 0 alive 1 guard 0 drops 0'
die
check "killed, it is open" client get $V6 /page
check "and says so" state 'there 1 ours 1 self 0 alive 0 guard 0 drops 0'
nft delete table inet sluice
nft add table inet sluice
check "a table made by hand is not ours" state 'there 1 ours 0'
nft delete table inet sluice

# the first python may lie where an ordinary user cannot look
as_user() (PATH=/usr/bin:/bin exec setpriv --reuid 65534 --regid 65534 --clear-groups python3 "$@")
if as_user -c pass 2>/dev/null; then
	as_user -c '
import socket, time
s = socket.socket(socket.AF_UNIX)
s.bind("\0sluice-gateway-0")
s.listen()
print("listening", flush=True)
time.sleep(60)' >"$tmp/squat.txt" 2>&1 &
	squatter=$!
	for _ in $(seq 100); do
		grep -q listening "$tmp/squat.txt" && break
		sleep 0.1
	done
	check "an ordinary user takes our socket's name" grep -q listening "$tmp/squat.txt"
	check "which keeps nobody out" begin
	"$tool" >"$tmp/second.txt" 2>&1 </dev/null
	check "and a second one is refused all the same" grep -q "runs already.* process $sluice_pid;" "$tmp/second.txt"
	check "the tool ends with status 0" finished
	kill $squatter
	wait $squatter 2>/dev/null || true
else
	echo "skip $name: a socket of an ordinary user: setpriv, root and python3 are needed"
fi
