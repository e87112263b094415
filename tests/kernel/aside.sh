#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Tens of thousands of blocks are listed and saved, and the main thread, which looks after the table, answers others meanwhile.
. "$(dirname "$0")/common.sh"
blocks=${BLOCKS:-40000}
python3 - "$blocks" >"$tmp/blocks.json" <<'P'
import sys
print('{"version":1}')
for i in range(int(sys.argv[1])):
    print('{"prefix":"10.%d.%d.%d/32","since":1700000000000000,"until":%d,"why":"by hand","gid":0,"sid":0}' % (i >> 16, i >> 8 & 255, i & 255, 4000000000000000 + i))
P
start --set respond.block.state-file="$tmp/blocks.json" <<<'alert ip any any -> 192.0.2.99 any (msg:"nobody"; sid:1;)' || exit
cat >"$tmp/ask.py" <<'P'
import json, socket, sys, threading, time
def client():
    s = socket.socket(socket.AF_UNIX)
    s.connect("/run/sluice/command.socket")
    return s, s.makefile("rb")
def ask(c, command, **arguments):
    begin = time.monotonic()
    c[0].sendall(json.dumps({"command": command, "arguments": arguments}).encode())
    answer = json.loads(c[1].readline())
    return answer, time.monotonic() - begin
worst, over, other = 0, False, client()
def others():
    global worst
    while not over:
        worst = max(worst, ask(other, "uptime")[1])
        time.sleep(0.01)
t = threading.Thread(target=others)
t.start()
c = client()
answer, took = ask(c, "blocks", limit=10000)
good = answer["return"] == "OK" and answer["message"]["count"] == int(sys.argv[1]) and len(answer["message"]["blocks"]) == 10000
good &= answer["message"]["blocks"][0]["address"] == "10.0.0.0/32" # the first to end
good &= ask(c, "release", address="192.0.2.1")[0]["return"] == "OK"
good &= ask(c, "reopen-log-files")[0]["return"] == "OK"
over = True
t.join()
print(f"{took * 1000:.0f} ms, the others {worst * 1000:.0f} ms at most")
sys.exit(not good or worst > max(0.4, took / 2))
P
check "$blocks blocks are listed; others do not wait for that" python3 "$tmp/ask.py" "$blocks"
rm "$tmp/log/eve.json"
check "the log is opened again" "$SLUICE" reopen
check "it is there" test -e "$tmp/log/eve.json"
"$SLUICE" blocks >/dev/null 2>&1 &
sleep 0.1
check "nor does its end, with a list under way" stop
check "the blocks are saved" test "$(grep -c '"prefix"' "$tmp/blocks.json")" = "$blocks"
check "and its table is gone" fails has_table
