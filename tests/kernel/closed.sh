#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# when-down drop: not one packet passes before, between and after.
. "$(dirname "$0")/common.sh"
echo hello >"$tmp/page"
server serve "$tmp/page"
rules='drop http any any -> any any (msg:"attack"; http.uri; content:"/evil"; sid:1;)
drop tcp any any -> any 7 (msg:"evil line"; content:"evil"; sid:2;)'
silent() { client "$@"; [ $? = 2 ]; }
state() { "$SLUICE" status --json | grep -q "\"traffic\": \"$1\""; }
sample() { # NAME ADDRESS
	"$SLUICE" lab run --on client -- python3 "$here/talk.py" sample "$2" "$tmp/$1" >"$tmp/$1.txt" 2>&1 &
	eval "talk_$1=$!"
	within 10 grep -q connected "$tmp/$1.txt"
}
makes_way() {
	kill -QUIT "$sluice_pid"
	wait "$sluice_pid"
	local status=$?
	sluice_pid=
	return $status
}
broken_start() { # WORDS: must fail
	echo 'gateway: { when-down: drop' >"$tmp/broken.yaml"
	"$SLUICE" run -c "$tmp/broken.yaml" -l "$tmp/log" >"$tmp/broken.txt" 2>&1
	[ $? = 1 ]
}
empty_start() {
	: >"$tmp/none.rules"
	"$SLUICE" run -S "$tmp/none.rules" -l "$tmp/log" --when-down drop -q 0-1 >"$tmp/broken.txt" 2>&1
	[ $? = 1 ]
}

check "an open line: a broken configuration does not start" broken_start
check "an open line: no rule: does not start" empty_start
check "and it is open after that" client get $V4 /page
check "no table is left" fails has_table
check "a guard with bypass does nothing" words 'nothing to guard' "$SLUICE" guard
check "the guard with drop" words 'dropped until it runs' "$SLUICE" guard --when-down drop
sample guard4 $V4
sample guard6 $V6
check "status says that traffic is dropped" state dropped
check "a closed line: a broken configuration does not start" broken_start
check "and it is still closed" state dropped
check "a closed line: no rule: does not start" empty_start
check "and it is still closed, too" state dropped
check "not one packet passed the guard, IPv4: $(sleep 0.3; touch "$tmp/guard4.end"; sleep 0.2; tail -n 1 "$tmp/guard4.txt")" finish_talk guard4
check "not one packet passed the guard, IPv6: $(touch "$tmp/guard6.end"; sleep 0.2; tail -n 1 "$tmp/guard6.txt")" finish_talk guard6
start --when-down drop <<<"$rules" || exit
check "run takes over: traffic passes" client get $V4 /page
check "an attack does not" silent get $V6 /evil

talk through $V4
check "SIGQUIT, with drop: ends well" makes_way
sample between $V6
check "it leaves the line closed" state dropped
sleep 0.5
check "and a start that fails leaves it so" empty_start
check "not one packet passed between: $(touch "$tmp/between.end"; sleep 0.2; tail -n 1 "$tmp/between.txt")" finish_talk between
start --when-down drop <<<"$rules" || exit
check "the next one opens" client get $V6 /page
check "a connection from before went on: $(sleep 1; touch "$tmp/through.end"; sleep 1; tail -n 1 "$tmp/through.txt")" finish_talk through
check "ends well" stop
check "SIGTERM opens" client get $V4 /page
sample open $V4
sleep 0.3
check "and the samples see it: $(touch "$tmp/open.end"; sleep 0.2; tail -n 1 "$tmp/open.txt")" status_is 1 finish_talk open
check "no table is left" fails has_table
