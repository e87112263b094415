#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Clients of the control socket that mean ill: service goes on, memory stays. SLUICE_GARBAGE says how many wrong requests are sent.
. "$(dirname "$0")/common.sh"
head -c 30000 /dev/urandom | base64 >"$tmp/page"
sum=$(sha256sum <"$tmp/page" | cut -d' ' -f1)
server serve "$tmp/page"
mkdir "$tmp/run"
socket=$tmp/run/socket
start --socket "$socket" <<'R' || exit
drop http any any -> any any (msg:"attack"; flow:established,to_server; http.uri; content:"/evil"; sid:1; rev:1;)
R
same() { [ "$(client get $V4 /page)" = "$sum" ]; }
silent() { client get $V4 /evil; [ $? = 2 ]; }
rss() { awk '/^VmRSS/ { print $2 }' "/proc/$sluice_pid/status"; }
ill() { python3 "$here/control.py" "$socket" "$@"; }
is_private() { [ "$(stat -c %a "$socket")" = 660 ]; }
check "only root and the group may connect" is_private
check "a request may come byte by byte" ill split
check "1,000 requests in one piece are answered, two reloads among them" ill pipeline
ill garbage 1000 >"$tmp/warm.txt" 2>&1
ill crowd 200 >>"$tmp/warm.txt" 2>&1
before=$(rss)
check "wrong requests" ill garbage "${SLUICE_GARBAGE:-10000}"
check "clients that never read keep nobody else waiting" ill silent
check "200 clients at once are all answered" ill crowd 200
check "a page arrives meanwhile" same
after=$(rss)
check "memory stays: $before kB before, $after kB after" [ "$after" -lt $((before + ${SLUICE_GROWTH:-8192})) ]
second() {
	"$SLUICE" run -S "$tmp/test.rules" -l "$tmp/log" --socket "$tmp/page" --set gateway.table=none -q 6 >"$tmp/second.txt" 2>&1
	[ $? = 1 ] && [ -s "$tmp/page" ]
}
check "a file that is no socket is left alone" second
check "the attack gets no answer" silent
check "sluice ends with status 0" stop
check "its socket is gone" [ ! -e "$socket" ]
check "its table is gone" fails has_table
