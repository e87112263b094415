#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kill -9: with when-down bypass traffic passes, with drop it stops; the next start copes with what a dead run left. With the owner flag nobody else can
# take the table away, with bypass it goes with its process.
. "$(dirname "$0")/common.sh"
echo hello >"$tmp/page"
server serve "$tmp/page"
rules='drop http any any -> any any (msg:"attack"; http.uri; content:"/evil"; sid:1;)'
stopped() { client get "$1" /page; [ $? = 2 ]; }
die() {
	kill -9 "$sluice_pid"
	wait "$sluice_pid" 2>/dev/null
	sluice_pid=
}
start <<<"$rules" || exit
check "bypass: traffic passes while sluice lives" client get $V4 /page
if nft list table inet sluice 2>/dev/null | grep -q 'flags owner'; then
	nft flush ruleset
	check "an owned table outlives a foreign flush" has_table
	die
	check "and goes with its process" fails has_table
else
	echo "skip $name: this kernel knows no owner of a table"
	die
fi
check "bypass: IPv4 passes after kill -9" client get $V4 /page
start --set gateway.owner-flag=no <<<"$rules" || exit
die
check "bypass: a table without owner is still there after kill -9" has_table
check "bypass: IPv4 passes with it" client get $V4 /page
check "bypass: IPv6 passes with it" client get $V6 /page
start --when-down drop <<<"$rules" || exit
check "the next start replaces the dead run's table" sh -c "nft list table inet sluice | grep -q 'comment.*$sluice_pid'"
check "drop: traffic passes while sluice lives" client get $V4 /page
die
check "drop: IPv4 stops after kill -9" stopped $V4
check "drop: IPv6 stops after kill -9" stopped $V6
start <<<"$rules" || exit
check "and passes again with the next start" client get $V6 /page
check "sluice ends with status 0" stop
check "no table is left" fails has_table
