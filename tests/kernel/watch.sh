#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What others do to the ruleset is noticed and told apart; the table is put back, in its place.
. "$(dirname "$0")/common.sh"
. "$here/tool.sh"
quiet_nft() { nft "$@" 2>/dev/null; }
echo hello >"$tmp/page"
server serve "$tmp/page"
nft 'table inet fw { chain f { type filter hook forward priority 0; }; }'
begin || exit
check "it is whole" answers 'done 1' intact
check "nothing has happened" answers 'done 0' watch

damage() { # WHAT COMMAND...
	local what=$1
	shift
	check "$what: done" quiet_nft "$@"
	check "$what: noticed" answers 'done (2|3)' watch
	check "$what: it is not whole" answers 'done 0' intact
	check "$what: restored" answers 'done 0' restore
	check "$what: it is whole" answers 'done 1' intact
	check "$what: the restoring itself is no news" answers 'done 0' watch
	client get $V4 /page >/dev/null
	check "$what: packets are queued again" test "$(count queued)" -gt 0
}
damage "flush ruleset" flush ruleset
damage "the table deleted" delete table inet sluice
damage "a chain flushed" flush chain inet sluice forward
damage "a rule added" insert rule inet sluice forward accept
damage "a chain added" add chain inet sluice mine
damage "a rule deleted" delete rule inet sluice worker0 handle "$(nft -a list chain inet sluice worker0 2>/dev/null | sed -n 's/.*tcp.*handle //p')"
damage "the policy changed" add chain inet sluice forward '{ policy drop; }'
damage "the table switched off" add table inet sluice '{ flags dormant; }'

quiet_nft add element inet sluice blocked4 '{ 192.0.2.1 }'
check "a block put in by hand is told apart" answers 'done 8' watch
check "the table is whole with it" answers 'done 1' intact
quiet_nft add table inet other
check "a table of somebody else" answers 'done 1' watch
quiet_nft add set inet other s '{ type ipv4_addr; }'
quiet_nft add element inet other s '{ 192.0.2.1 }'
check "sets of somebody else are nothing to us" answers 'done 0' watch

quiet_nft add chain inet other early '{ type filter hook forward priority -50; }'
check "a chain before us" answers 'done 1' watch
check "is no reason to move" answers 'done 0' misplaced
quiet_nft add chain inet other same '{ type filter hook forward priority 10; }'
check "a chain at our number is one" answers 'done 1' misplaced
check "it is told why" grep -q 'after inet other same, which has 10' "$tmp/answer"
check "we move" answers 'done 0' restore
quiet_nft list chain inet sluice forward >"$tmp/chain.txt"
check "behind it" grep -qE 'priority (filter \+ )?11;' "$tmp/chain.txt"
check "and are where we should be" answers 'done 0' misplaced
quiet_nft add chain inet other behind '{ type filter hook forward priority 60; }'
check "so is a filter behind us" answers 'done 1' misplaced
quiet_nft delete chain inet other behind
quiet_nft delete chain inet other same
check "a chain that went away is no reason" answers 'done 0' misplaced

quiet_nft delete table inet sluice
quiet_nft add table inet sluice
check "somebody else's table of our name is not replaced" answers 'failed.*not made by sluice' restore
quiet_nft delete table inet sluice
check "when it is gone ours comes back" answers 'done 0' restore
finished
check "the table is gone" fails has_table

begin --owner || exit
if quiet_nft list table inet sluice | grep -q 'flags owner'; then
	check "owned: a flush" quiet_nft flush ruleset
	check "owned: leaves it whole" answers 'done 1' intact
	check "owned: nobody deletes it" fails quiet_nft delete table inet sluice
	check "owned: nor changes its sets" fails quiet_nft add element inet sluice blocked4 '{ 192.0.2.1 }'
	check "owned: its owner does" answers 'done 0' block 192.0.2.1=60
	check "owned: moved by its owner" answers 'done 0' restore
	check "owned: whole after that" answers 'done 1' intact
else
	echo "skip $name: this kernel knows no owner of a table"
fi
check "the tool ends with status 0" finished
check "the table is gone" fails has_table
