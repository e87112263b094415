#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A firewall that offloads flows to a flowtable lets them pass by any queue: `--dry-run` and the start name the chain.
. "$(dirname "$0")/common.sh"
nft 'table inet fw {
	flowtable fast { hook ingress priority 0; devices = { inside, outside }; }
	chain quick { type filter hook forward priority 0; ip protocol tcp ct state established flow add @fast; }
}' 2>"$tmp/why.txt" || skip "no flowtables here: $(head -n 1 "$tmp/why.txt")"
rule='alert http any any -> any any (msg:"a page"; flow:established; sid:1;)'
echo "$rule" >"$tmp/dry.rules"
check "--dry-run names the chain that offloads" words 'inet fw quick offloads flows' "$SLUICE" run --dry-run -S "$tmp/dry.rules" -l "$tmp"
check "and loads nothing" fails has_table
start <<<"$rule" || exit
check "the start names it, too" grep -q 'inet fw quick offloads flows' "$tmp/run.txt"
check "it ends" stop
nft delete table inet fw
check "without it, nothing is said" fails words offloads "$SLUICE" run --dry-run -S "$tmp/dry.rules" -l "$tmp"
