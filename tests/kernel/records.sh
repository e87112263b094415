#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What befalls the program itself stands in records; a disk that hangs holds up neither traffic nor the end.
. "$(dirname "$0")/common.sh"
echo hello >"$tmp/page"
server serve "$tmp/page"
rule='alert http any any -> any any (msg:"a page"; flow:established,to_server; http.uri; content:"/page"; sid:1; rev:1;)'

start --set gateway.owner-flag=no <<<"$rule" || exit
nft delete table inet sluice
check "deleted by somebody, the table is there again" within 8 has_table
check "traffic is inspected" client get $V4 /page
echo 'alert http any any -> any any (msg:"broken"; content:"x; sid:2;)' >"$tmp/test.rules"
check "wrong rules are refused" fails "$SLUICE" reload
check "stop" "$SLUICE" stop
forget
check "a record tells of the start" some 'r["event_type"] == "engine" and r["engine"]["action"] == "start" and r["engine"]["generation"] == 1'
check "of the restored table, with the time" some 'r["event_type"] == "engine" and r["engine"]["action"] == "table-restored" and 0 < r["engine"]["unprotected_ms"] < 1000'
check "of the rules that were not taken, and why" some 'r["event_type"] == "engine" and r["engine"]["action"] == "reload-failed" and "test.rules" in r["engine"]["message"]'
check "and of the end" some 'r["event_type"] == "engine" and r["engine"]["action"] == "stop" and "shutdown" in r["engine"]["message"]'

# ---- a disk that hangs: a pipe that nobody reads ----
mkdir "$tmp/stuck"
mkfifo "$tmp/stuck/eve.json"
sleep 600 <"$tmp/stuck/eve.json" &
reader=$!
mkfifo "$tmp/stuck/fast.log" # the reader of the first alone
cat "$tmp/stuck/fast.log" >/dev/null &
start -l "$tmp/stuck" --set outputs.1.eve-log.types.0.alert.payload=yes <<<"$rule" || exit
for _ in $(seq 60); do client get $V4 /page >/dev/null; done
check "sixty pages on, traffic passes" client get $V6 /page
begin=$(date +%s%N)
"$SLUICE" stop >/dev/null 2>&1
took=$((($(date +%s%N) - begin) / 1000000))
check "it ends within 5 s ($took ms)" test $took -lt 5000
check "and says what was lost" words 'the disk hangs|no record' cat "$tmp/run.txt"
check "its table is gone" fails has_table
forget
kill "$reader" 2>/dev/null
