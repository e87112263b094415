#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# --ids, --hook input, interfaces, a table of the user's own, several workers, what systemd is told.
. "$(dirname "$0")/common.sh"
echo hello >"$tmp/page"
sum=$(sha256sum <"$tmp/page" | cut -d' ' -f1)
server serve "$tmp/page"
rules='drop http any any -> any any (msg:"attack"; flow:established,to_server; http.uri; content:"/evil"; sid:1;)'
same() { [ "$(client get "$@")" = "$sum" ]; }
silent() { client get "$@"; [ $? = 2 ]; }

start --ids <<<"$rules" || exit
check "--ids says so" grep -q 'nothing is dropped' "$tmp/run.txt"
check "--ids: the attack passes" same $V4 /evil
stop
check "--ids: and is told, with action allowed" some "r['event_type'] == 'alert' and r['alert']['action'] == 'allowed'"
check "--ids: no record says that it was dropped" test "$(records "r['event_type'] == 'drop'")" = 0
rm -r "$tmp/log"

start --set gateway.interfaces.0=elsewhere <<<"$rules" || exit
check "an interface that the traffic does not use: it is not inspected" same $V4 /evil
stop
start --set gateway.interfaces.0=outside <<<"$rules" || exit
check "an interface that it uses: the attack is dropped" silent $V4 /evil
stop
rm -r "$tmp/log"

python3 "$here/net.py" serve "$tmp/page" >"$tmp/own.txt" 2>&1 &
own=$!
start --hook input,output <<<"$rules" || exit
check "hooks input and output: what the gateway forwards is not inspected" same $V6 /evil
check "the gateway's own server is reached" same 10.23.1.1 /page
check "an attack on the gateway itself is dropped" silent fd23:1::1 /evil
check "loopback is left out" python3 "$here/net.py" get ::1 /evil
stop
kill $own

nft 'add table inet mine; add chain inet mine last { type filter hook forward priority 50; }'
if nft add rule inet mine last queue flags bypass to 7 2>/dev/null; then
	start -q 7 --set gateway.table=none <<<"$rules" || exit
	check "a rule of the user's own: the attack is dropped" silent $V4 /evil
	stop
else
	echo "skip $name: a rule of the user's own: this kernel has no queue statement"
fi
nft delete table inet mine

start -q 0-7 <<<"$rules" || exit
for _ in 1 2 3; do
	check "four workers: a page arrives" same $V4 /page
	check "four workers: the attack is dropped" silent $V6 /evil
done
stop

python3 - "$tmp/notify" >"$tmp/notified.txt" <<'P' &
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
s.settimeout(30)
for _ in range(2):
    print(s.recv(4096).decode(), flush=True)
P
listener=$!
while ! [ -S "$tmp/notify" ]; do sleep 0.05; done
NOTIFY_SOCKET=$tmp/notify start <<<"$rules" || exit
stop
wait $listener
check "systemd is told when it is ready" grep -q '^READY=1' "$tmp/notified.txt"
check "and when it stops" grep -q '^STOPPING=1' "$tmp/notified.txt"
