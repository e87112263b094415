#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What stands in the way is named, and nothing half-installed is left.
. "$(dirname "$0")/common.sh"
echo 'alert tcp any any -> any any (msg:"x"; sid:1;)' >"$tmp/one.rules"
: >"$tmp/none.rules"
mkdir "$tmp/log"
attempt() { # WORDS OPTIONS...: must fail and say so
	local words=$1
	shift
	timeout 60 "$SLUICE" run -l "$tmp/log" "$@" >"$tmp/run.txt" 2>&1
	[ $? = 1 ] && grep -q "$words" "$tmp/run.txt"
}
check "no rules: where it looked and how to get some" attempt 'Searched' -S "$tmp/none.rules"
check "a rule file that is not there" attempt 'No such file' -S "$tmp/absent.rules"
check "a hook that is none" attempt 'is no hook' -S "$tmp/one.rules" --hook elsewhere
check "an odd number of queues" attempt 'even number' -S "$tmp/one.rules" -q 0-2
nft add table inet sluice
check "a table of that name that somebody else made" attempt 'not made by sluice' -S "$tmp/one.rules"
check "which is left as it was" has_table
nft delete table inet sluice
nft 'add table inet fw; add chain inet fw c { type filter hook forward priority 7; }'
check "a priority that is taken" attempt 'taken by inet fw c' -S "$tmp/one.rules" --set gateway.priority=7
"$SLUICE" run -S "$tmp/one.rules" -l "$tmp/log" -q 0 --set gateway.table=none >"$tmp/first.txt" 2>&1 &
sluice_pid=$!
for _ in $(seq 200); do
	grep -q '^READY' "$tmp/first.txt" && break
	sleep 0.1
done
check "gateway.table none loads no table" fails has_table
check "a second one, also without a table, and whose process the first is" attempt "runs already in this network namespace, process $sluice_pid" -S "$tmp/one.rules" -q 0-1
check "then no table is left" fails has_table
check "dry-run prints the table" sh -c "'$SLUICE' run --dry-run | grep -q 'type filter hook forward priority'"
check "and changes nothing" fails has_table
