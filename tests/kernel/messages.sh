#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Each message of `sluice lag` against what tc sends for the same: both are traced, and compared by attribute (messages.py lists what differs on purpose).
. "$(dirname "$0")/common.sh"
command -v tc >/dev/null || skip "no tc here"
command -v strace >/dev/null || skip "no strace here"
strace -o /dev/null true 2>/dev/null || skip "strace may not trace here"
trace() { strace -f -xx -s 100000 -e trace=sendmsg,sendto -o "$1" "${@:2}"; }

same() { # ARGUMENTS of lag start
	rm -f "$tmp"/ours "$tmp"/tc.*
	"$SLUICE" lag start "$@" --print | sed '/^nft/,$d' >"$tmp/commands"
	# the sanitizer's own leak check cannot work below strace
	ASAN_OPTIONS=detect_leaks=0 trace "$tmp/ours" "$SLUICE" lag start "$@" >"$tmp/start.txt" 2>&1
	"$SLUICE" lag stop >/dev/null 2>&1
	local n=100
	while read -r command; do
		# shellcheck disable=SC2086 # words of a command
		trace "$tmp/tc.$n" $command >/dev/null 2>&1
		n=$((n + 1))
	done <"$tmp/commands"
	tc qdisc del dev inside root 2>/dev/null
	tc qdisc del dev inside ingress 2>/dev/null
	ip -br link | awk '/^sluice-in/ { print $1 }' | while read -r ifb; do ip link del "$ifb"; done
	python3 "$here/messages.py" "$tmp/ours" "$tmp"/tc.*
}
while read -r arguments; do
	eval "set -- $arguments"
	check "as tc sends it: $arguments" same --dev inside "$@"
done <<'E'
--rate 2mbit
--rate 2mbit --direction both
--delay 100ms --jitter 20ms --loss 1% --direction in --no-exemptions
--delay 100ms
--delay 100ms --jitter 20ms --distribution normal
--delay 100ms --jitter 20ms --correlation 25% --loss 1%,25%
--burst-loss 1%,20%
--duplicate 1% --corrupt 0.1%
--delay 50ms --reorder 25%,50% --rate 10mbit
--rate 2mbit --delay 1ms --limit 77
satellite
bad-wifi
bufferbloat
E
