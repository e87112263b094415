#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The running daemon keeps one capability, and every thread of it is under seccomp; --no-sandbox is said loudly.
. "$(dirname "$0")/common.sh"
head -c 100000 /dev/urandom >"$tmp/page"
echo 'drop http any any -> any any (msg:"attack"; http.uri; content:"/attack"; sid:1;)' >"$tmp/attack.rules"
server serve "$tmp/page"

# each_thread FIELD VALUE: every thread's status says so
each_thread() {
	grep -h "^$1:" /proc/"$sluice_pid"/task/*/status | awk -v want="$2" '{ n++; bad += $2 != want } END { exit !(n > 1 && !bad) }'
}

start <"$tmp/attack.rules" || exit
check "CAP_NET_ADMIN alone is left, in every thread" each_thread CapEff 0000000000001000
check "nor can more be had again" each_thread CapPrm 0000000000001000
check "no new privileges by an exec" each_thread NoNewPrivs 1
check "system calls are filtered in every thread" each_thread Seccomp 2
check "a page still goes through" client get $V4 /page
client get $V6 /attack >/dev/null 2>&1
stop
check "it ended well" test $? = 0
check "and an attack does not, with its record written" some 'r["event_type"] == "alert" and r["alert"]["signature_id"] == 1'
check "the table is gone" fails has_table

# ---- rules that belong to who fetches them ----
chmod 600 "$tmp/test.rules"
if chown 12345:12345 "$tmp/test.rules" 2>/dev/null; then
	start -v <"$tmp/attack.rules" || exit
	check "rules of another user: the right to read them stays, in every thread" each_thread CapEff 0000000000001004
	check "and it is said" grep -q 'another user to read: CAP_DAC_READ_SEARCH stays' "$tmp/run.txt"
	check "so a reload reads them" "$SLUICE" reload
	check "it ends" stop
else
	echo "skip confine: only root can give a file away"
fi

start --no-sandbox <"$tmp/attack.rules" || exit
check "--no-sandbox leaves system calls alone" each_thread Seccomp 0
check "and says so loudly" grep -q 'no-sandbox: no Landlock, no seccomp' "$tmp/run.txt"
stop
