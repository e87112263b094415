#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Connections that are older than the daemon: they go on through start, end and start again, and an attack inside one is stopped all the same.
. "$(dirname "$0")/common.sh"
echo hello >"$tmp/page"
server serve "$tmp/page"
rules='drop tcp any any -> any 7 (msg:"evil line"; content:"something evil"; sid:1;)'
nft 'table inet early { chain c { type filter hook prerouting priority 0; ct state new counter; }; }' # conntrack is at work from here on
evil() { # NAME: its attack is not answered
	touch "$tmp/$1.evil"
	eval "wait \$talk_$1"
	[ $? = 2 ]
}
export PATIENCE=4
for choice in bypass drop; do
	for v in 4 6; do
		[ $v = 4 ] && a=$V4 || a=$V6
		talk "calm$choice$v" $a
		talk "evil$choice$v" $a
	done
	start --when-down $choice <<<"$rules" || exit
	sleep 0.7
	check "$choice: it ends" stop
	sleep 0.2
	start --when-down $choice <<<"$rules" || exit
	sleep 0.7
	for v in 4 6; do
		eval "check '$choice, IPv$v: it goes on through two starts' kill -0 \$talk_evil$choice$v"
		check "$choice, IPv$v: an attack inside it gets no answer" evil "evil$choice$v"
		check "$choice, IPv$v: the calm one: $(touch "$tmp/calm$choice$v.end"; sleep 0.5; tail -n 1 "$tmp/calm$choice$v.txt")" finish_talk "calm$choice$v"
	done
	check "$choice: the attacks did not reach the server" fails grep -q evil "$tmp/server.txt"
	check "$choice: it ends again" stop
	: >"$tmp/server.txt"
	check "$choice: alerts about both" test "$(records "r['event_type'] == 'alert' and r['alert']['signature_id'] == 1 and r['alert']['action'] == 'blocked'")" -ge 2
	rm -f "$tmp/log/eve.json"
done
talk released $V4
start --set gateway.existing=release <<<"$rules" || exit
touch "$tmp/released.evil"
sleep 1
check "existing: release: nobody looks into it: $(touch "$tmp/released.end"; sleep 0.5; tail -n 1 "$tmp/released.txt")" finish_talk released
check "it ends" stop
