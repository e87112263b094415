#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What is asked of the running daemon: each command by the program and by a client of the socket; what is said when nobody runs.
. "$(dirname "$0")/common.sh"
socket=/run/sluice/command.socket
echo hello >"$tmp/page"
server serve "$tmp/page"
rule='alert http any any -> any any (msg:"seen"; flow:established,to_server; http.uri; content:"/seen"; sid:7;)'
raw() { python3 "$here/talk.py" raw $socket "$@"; }
status() { "$SLUICE" status "$@"; }
json() { # PYTHON-CONDITION over m
	python3 -c 'import json, sys; m = json.load(sys.stdin); sys.exit(not eval(sys.argv[1]))' "$1"
}
status_json() { status --json | json "$1"; }
answer() { # COMMAND [ARGUMENTS] CONDITION: by the socket
	local text="{\"command\": \"$1\"${3:+, \"arguments\": $2}}"
	raw "$text" | json "${3:-$2}"
}
file_is_good() {
	[ "$(stat -c %a /run/sluice/status.json)" = 644 ] && json "$1" </run/sluice/status.json
}

check "nobody runs: status 3" status_is 3 status
check "and traffic passes" words 'passes without inspection' status
check "and nothing is known of a last run" words 'none is known since the boot' status
check "a command says so" words 'not running' "$SLUICE" blocks
check "and its status is 1" status_is 1 "$SLUICE" reload
check "stop has nothing to do" words 'is not running' "$SLUICE" stop

start <<<"$rule" || exit
client get $V4 /seen >/dev/null
check "the socket is root's and its group's alone" test "$(stat -c %a $socket)" = 660
check "status 0" status_is 0 status
check "since when, by which rules" words 'protected since .*process '"$sluice_pid" status
check "and what a crash does" words 'on a crash: traffic passes' status
sleep 1.1
check "status --json" status_json "m['pid'] == $sluice_pid and m['state'] == 'running' and m['rules']['loaded'] == 1 and m['packets'] > 5 and m['flows'] >= 1"
check "an alert with the line that would silence it" status_json "m['top_alerts'][0]['sid'] == 7 and m['top_alerts'][0]['suppress'] == 'suppress gen_id 1, sig_id 7'"
check "status.json: 0644 and whole" file_is_good "m['pid'] == $sluice_pid and m['state'] == 'ips' and m['generation'] == 1"
python3 - /run/sluice/status.json >"$tmp/watched.txt" 2>&1 <<'P'
import json, sys, time
end, times = time.time() + 2.2, set()
while time.time() < end:
    times.add(json.load(open(sys.argv[1]))["time"])
print(len(times), "different")
sys.exit(len(times) < 2)
P
check "replaced each second, never half: $(tail -n 1 "$tmp/watched.txt")" test $? = 0
check "a second run is refused, and told by whom" words "runs already.* $sluice_pid" "$SLUICE" run -S "$tmp/test.rules" -l "$tmp/log" -q 4-5

check "greeting, then a command" words 'return.*OK.*sluice' raw '{"version": "0.2"}' '{"command": "version"}'
check "a command without greeting" words 'return.*OK.*sluice' raw '{"command": "version"}'
check "two commands in one write" sh -c "printf '{\"command\":\"uptime\"}{\"command\":\"version\"}' | python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX); s.settimeout(5); s.connect(\"$socket\"); s.sendall(sys.stdin.buffer.read())
f = s.makefile(); print(f.readline(), f.readline())' | grep -c OK"
check "an unknown command" words 'NOK.*Unknown command' raw '{"command": "nonsense"}'
check "garbage" words 'NOK' raw 'hello'
check "uptime" answer uptime "m['return'] == 'OK' and 0 <= m['message'] < 60"
check "running-mode" answer running-mode "m['message'] == 'workers'"
check "capture-mode" answer capture-mode "m['message'] == 'NFQ'"
check "command-list" answer command-list "m['message']['count'] == len(m['message']['commands']) > 20"
check "dump-counters" answer dump-counters "m['message']['decoder']['pkts'] > 5 and m['message']['detect']['alert'] == 1"
check "iface-list" answer iface-list "m['message'] == {'count': 1, 'ifaces': ['0']}"
check "iface-stat" answer iface-stat '{"iface": "0"}' "m['message']['pkts'] > 5 and m['message']['drop'] == 0"
check "iface-stat of none" answer iface-stat '{"iface": "eth9"}' "m['return'] == 'NOK'"
check "conf-get" answer conf-get '{"variable": "gateway.queues"}' "m['message'] == '0-1'"
check "conf-get of nothing" answer conf-get '{"variable": "no.such"}' "m['return'] == 'NOK'"
check "ruleset-stats" answer ruleset-stats "m['message'][0]['rules_loaded'] == 1 and m['message'][0]['rules_failed'] == 0"
check "ruleset-failed-rules" answer ruleset-failed-rules "m['message'] == []"
check "ruleset-reload-time" answer ruleset-reload-time "m['message'][0]['last_reload'].startswith('20')"
check "reload-rules" answer reload-rules "m['return'] == 'OK' and m['message']['generation'] == 2"
check "ruleset-reload-rules" answer ruleset-reload-rules "m['return'] == 'OK' and m['message']['generation'] == 3"
check "ruleset-reload-nonblocking" answer ruleset-reload-nonblocking "m == {'message': 'done', 'return': 'OK'}"
check "it has an effect" within 10 status_json "m['rules']['generation'] == 4"
check "status by the socket" answer status "m['message']['rules']['generation'] == 4"
check "confirm: nothing waits" answer confirm "m['return'] == 'NOK'"
check "block" answer block '{"address": "192.0.2.1", "seconds": 60, "why": "test"}' "m['message']['address'] == '192.0.2.1/32' and m['message']['until']"
check "block of no address" answer block '{"address": "somebody"}' "m['return'] == 'NOK'"
check "block of one's own address" answer block '{"address": "10.23.1.1"}' "m['return'] == 'NOK' and 'own address' in m['message']"
check "blocks" answer blocks "m['message']['count'] == 1 and m['message']['blocks'][0]['why'] == 'test'"
check "unblock" answer unblock '{"address": "192.0.2.1"}' "m['return'] == 'OK'"
check "unblock again" answer unblock '{"address": "192.0.2.1"}' "m['return'] == 'NOK'"
check "release" answer release '{"address": "192.0.2.1"}' "m['message'] == '0 connections released'"
mv "$tmp/log/eve.json" "$tmp/log/eve.old"
check "reopen-log-files" answer reopen-log-files "m['return'] == 'OK'"
check "a new log is there" test -e "$tmp/log/eve.json"

check "sluice reload" words '1 rules are in force \(generation 5' "$SLUICE" reload
check "sluice reload --json" sh -c "'$SLUICE' reload --json | grep -q '\"generation\": 6'"
echo 'alert nothing' >>"$tmp/test.rules"
check "sluice reload of wrong rules: status 1" status_is 1 "$SLUICE" reload
check "status says so" words 'THE LAST RELOAD FAILED.*test.rules' status
check "sluice block" words 'blocked 2001:db8:7::/64 until' "$SLUICE" block 2001:db8:7::1/64 --for 10m --why 'a reason'
check "sluice blocks" words '2001:db8:7::/64 .* a reason' "$SLUICE" blocks
check "sluice blocks --json" sh -c "'$SLUICE' blocks --json | grep -q '2001:db8:7::/64'"
check "the kernel has it" words '2001:db8:7::/64' nft list set inet sluice blocked6
check "sluice unblock" words unblocked "$SLUICE" unblock 2001:db8:7::/64
check "the kernel has it no more" fails words '2001:db8:7' nft list set inet sluice blocked6
check "sluice release" words '[0-9]+ connections released' "$SLUICE" release 10.23.1.2
check "sluice confirm: status 1" status_is 1 "$SLUICE" confirm
mv "$tmp/log/eve.json" "$tmp/log/eve.older"
check "sluice reopen" words done "$SLUICE" reopen
check "the next log" test -e "$tmp/log/eve.json"
check "a word too many: status 2" status_is 2 "$SLUICE" stop now
check "sluice stop" words 'the table is gone: traffic passes' "$SLUICE" stop
wait "$sluice_pid"
check "it ended well" test $? = 0
sluice_pid=
check "its table is gone" fails has_table
check "its socket and status.json, too" fails ls $socket /run/sluice/status.json
check "status: 3 and why it ended" words 'last run: .*shutdown was asked for' status

start --when-down drop <<<"$rule" || exit
check "drop: status says so" words 'on a crash: traffic stops' status
die
check "killed: status 3" status_is 3 status
check "killed with drop: traffic is dropped" words 'traffic: dropped, by a table from 20' status
check "and how to open" words 'sluice stop. opens' status
check "sluice stop opens" words 'was not running; the table that it left is gone' "$SLUICE" stop
check "now it passes" words 'passes without inspection' status
start --set gateway.owner-flag=no <<<"$rule" || exit
die
check "killed with bypass: traffic passes" words 'passes without inspection, by a table from' status
start <<<"$rule" || exit
check "a next start works in a dead one's place" status_is 0 status
check "shutdown" answer shutdown "m['return'] == 'OK'"
wait "$sluice_pid"
check "ends it" test $? = 0
sluice_pid=
