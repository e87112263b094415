#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Starts that nobody confirmed, lost connections, ends while rules are compiled: the line is never left in a state that nobody chose.
. "$(dirname "$0")/common.sh"
echo hello >"$tmp/page"
server serve "$tmp/page"
rule='alert http any any -> any any (msg:"a page"; flow:established,to_server; http.uri; content:"/page"; sid:1; rev:1;)'
gone() { ! kill -0 "$1" 2>/dev/null; }
stopped() { client get "$1" /page; [ $? = 2 ]; }

# ---- the first try over ssh ----
start --confirm 60s --when-down drop <<<"$rule" || exit
kill -9 "$sluice_pid"
forget
check "killed before it was confirmed: its table goes, though when-down is drop" within 8 fails has_table
check "and traffic passes" client get $V4 /page
check "status says what became of it" words 'killed, or it crashed' "$SLUICE" status

start --confirm 1s --when-down drop <<<"$rule" || exit
kill -STOP "$sluice_pid"
check "hanging, it is ended and its table goes" within 8 fails has_table
check "and traffic passes" client get $V6 /page
kill -CONT "$sluice_pid" 2>/dev/null
forget

start --confirm 60s <<<"$rule" || exit
kill -HUP "$sluice_pid"
check "a hangup before it was confirmed ends it" within 8 gone "$sluice_pid"
forget
check "without a table" fails has_table
start --confirm 60s --when-down drop <<<"$rule" || exit
check "confirm" "$SLUICE" confirm
kill -9 "$sluice_pid"
forget
sleep 0.5
check "killed after it was confirmed, drop holds" stopped $V4
check "stop opens" "$SLUICE" stop
check "and traffic passes" client get $V4 /page

# ---- a terminal that goes away ----
in_terminal() { # nohup or nothing; prints READY, then the terminal closes
	python3 - "$tmp" "$@" <<'P'
import os, pty, signal, sys, time
tmp, how = sys.argv[1], sys.argv[2:]
pid, terminal = pty.fork()
if pid == 0:
    if how:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    os.execv(os.environ["SLUICE"], ["sluice", "run", "-S", tmp + "/test.rules", "-l", tmp + "/log", "-q", "0-1"])
seen = b""
while b"READY" not in seen:
    seen += os.read(terminal, 4096)
open(tmp + "/pid", "w").write(str(pid))
os.close(terminal)
end = time.time() + 5
while time.time() < end:
    if os.waitpid(pid, os.WNOHANG)[0]:
        sys.exit(0)
    time.sleep(0.1)
sys.exit(1)
P
}
check "its terminal closes: it ends" in_terminal
check "and the table goes with it" fails has_table
check "started by nohup it goes on" fails in_terminal nohup
check "with its table" has_table
check "stop ends it" "$SLUICE" stop
check "and the table is gone" fails has_table

# ---- while rules are compiled ----
mkfifo "$tmp/slow.rules"
compile() {
	"$SLUICE" run -S "$tmp/slow.rules" -l "$tmp/log" -q 0-1 "$@" >"$tmp/run.txt" 2>&1 &
	sluice_pid=$!
}
compile --when-down drop
check "while it compiles nothing passes: the guard stands" within 8 words 'chain guard' nft list table inet sluice
check "so it is" stopped $V4
check "status says that it starts, and that traffic is dropped" words 'is starting' "$SLUICE" status
check "status: dropped" words 'traffic: dropped' "$SLUICE" status
refused() { words 'runs already in this network namespace, process '"$sluice_pid" timeout 20 "$SLUICE" run -S "$tmp/test.rules" -l "$tmp/log" -q 8-9; }
for i in 1 2 3 4; do
	check "a second one is refused, $i" refused
done
check "stop ends it" "$SLUICE" stop
check "at once" gone "$sluice_pid"
forget
check "the guard is gone" fails has_table
check "traffic passes" client get $V4 /page
compile
sleep 0.3
kill -TERM "$sluice_pid"
check "with bypass: it ends by SIGTERM" within 8 gone "$sluice_pid"
forget
check "status says when" words 'before it was ready' "$SLUICE" status
check "a start that fails is remembered" fails timeout 20 "$SLUICE" run -S "$tmp/absent.rules" -l "$tmp/log" -q 0-1
check "with its reason" words 'could not start: .*No such file' "$SLUICE" status

# ---- while a reload compiles, or hangs ----
ends_within() { # MILLISECONDS: by SIGTERM
	local begin=$(date +%s%N)
	stop || return
	took=$((($(date +%s%N) - begin) / 1000000))
	[ $took -lt "$1" ]
}
start <<<"$rule" || exit
python3 - "${RULES:-60000}" >"$tmp/test.rules" <<'P'
import sys
for i in range(int(sys.argv[1])):
    print(f'alert tcp any any -> any any (msg:"{i}"; content:"some words {i * 7919 % 1000003} that differ"; nocase; sid:{i + 1};)')
P
kill -USR2 "$sluice_pid"
sleep 0.5
check "while a reload compiles it ends at once" ends_within 4000
check "and its table goes" fails has_table
check "without the new rules" fails grep -q 'generation 2' "$tmp/run.txt"
start <<<"$rule" || exit
rm "$tmp/test.rules"
mkfifo "$tmp/test.rules"
kill -USR2 "$sluice_pid"
sleep 0.2
check "nor does it wait for rules that nobody writes" ends_within 8000
check "and its table goes, too" fails has_table
check "it says so" words 'a reload does not end' cat "$tmp/run.txt"
rm "$tmp/test.rules"
