#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# `sluice ruleset trace` against the kernel's own trace: a few of the rulesets of tests/ruleset/oracle.py (make test-ruleset-long takes all).
. "$(dirname "$0")/common.sh"
if timeout 90 python3 "$here/../ruleset/oracle.py" "$SLUICE" --rulesets "${RULESETS:-6}" --packets "${PACKETS:-20}" --seed 7 >"$tmp/run.txt" 2>&1; then
	grep -q '^skip' "$tmp/run.txt" && skip "$(tail -n 1 "$tmp/run.txt")"
	ok "trace says what the kernel does: $(grep -oE '^[0-9]+ packets through [0-9]+ rulesets' "$tmp/run.txt"), each rule, verdict, mark and byte"
else
	not_ok "trace says what the kernel does"
fi
