#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# New rules under load: no packet is lost, the new ones act, wrong ones never come into force. RELOADS says how often.
. "$(dirname "$0")/common.sh"
reloads=${RELOADS:-100}
head -c 3000000 /dev/urandom >"$tmp/page"
sum=$(sha256sum <"$tmp/page" | cut -d' ' -f1)
server serve "$tmp/page"
rules() {
	for i in $(seq 300); do
		echo "alert http any any -> any any (msg:\"helper $i\"; http.uri; content:\"/nowhere-$1-$i\"; sid:$((1000 + i));)"
	done
	echo "drop http any any -> any any (msg:\"stopped\"; http.uri; content:\"/stop-$1\"; sid:1;)"
}
generation() { sed -n 's/.*in force: generation \([0-9]*\),.*/\1/p' "$tmp/run.txt" | tail -n 1; }
digest() { grep -o 'digest [0-9a-f]*' "$tmp/run.txt" | tail -n 1; }
# wait_for WORDS COUNT: until so many lines of the report have them
wait_for() {
	for _ in $(seq 200); do
		[ "$(grep -c "$1" "$tmp/run.txt")" -ge "$2" ] && return
		sleep 0.05
	done
	return 1
}
reload() {
	local before
	before=$(grep -c 'in force\|stay in force' "$tmp/run.txt")
	kill -USR2 "$sluice_pid"
	wait_for 'in force' $((before + 1))
}
stopped() { ! client get "$1" "$2" && [ $? != 3 ]; }
passes() { [ "$(client get "$1" "$2")" = "$sum" ]; }

start --set stats.interval=1 --set reload.memory-limit=48mb < <(rules 0)
first=$(digest)
check "the first rules act" stopped $V4 /stop-0
check "what they do not name passes" passes $V4 /stop-1

# both families and protocols, counted at both ends, while rules change
"$SLUICE" lab run --on client -- python3 "$here/load.py" $V4 $V6 "$tmp/end" "$sum" >"$tmp/load.txt" 2>&1 &
load=$!
sleep 0.5
good=0
for i in $(seq "$reloads"); do
	rules "$i" >"$tmp/test.rules"
	reload && good=$((good + 1))
done
check "$reloads reloads under load" test "$good" = "$reloads"
touch "$tmp/end"
wait $load
status=$?
check "nothing was lost: $(tail -n 1 "$tmp/load.txt")" test $status = 0
check "the generation counts them" test "$(generation)" = $((reloads + 1))
check "the digest is another one" test "$(digest)" != "$first"
check "the last rules act" stopped $V6 "/stop-$reloads"
check "the first ones do not any more" passes $V4 /stop-0

last=$(digest)
{
	rules x
	echo 'alert tcp any any -> any any (msg:"half a ru'
} >"$tmp/test.rules"
reload
check "a broken file is refused, with place and cause" grep -q "old rules stay in force: .*test.rules:302:" "$tmp/run.txt"
check "and the rules before act" stopped $V4 "/stop-$reloads"
check "their digest stays" test "$(digest)" = "$last"
mv "$tmp/test.rules" "$tmp/away.rules"
reload
check "a missing file is refused" grep -q "old rules stay in force: .*test.rules" "$tmp/run.txt"
python3 - >"$tmp/test.rules" <<'P'
for i in range(40000):
    print(f'alert http any any -> any any (msg:"helper {i}"; http.uri; content:"/nowhere-{i}"; content:"/else-{i}"; content:"/there-{i}"; sid:{i + 1};)')
P
reload
check "rules that take too much memory are refused, with place and cause" grep -qE "old rules stay in force: .*test.rules:[0-9]+: memory has grown by .* reload.memory-limit is 48.0 MB" "$tmp/run.txt"
check "status says so" words 'THE LAST RELOAD FAILED.*reload.memory-limit' "$SLUICE" status
check "and the rules before act" stopped $V6 "/stop-$reloads"
rules "$reloads" >"$tmp/test.rules"
reload
check "the right file again: the same digest, the next generation" test "$(digest) $(generation)" = "$last $((reloads + 2))"
sleep 1.2
check "it ends well" stop
check "the stats record says which rules these are" some "r['event_type'] == 'stats' and r['stats']['detect']['engines'][0].get('generation') == $((reloads + 2)) and r['stats']['detect']['engines'][0]['digest'].startswith('${last#digest }')"
check "and a record says which reload failed, and why" some "r['event_type'] == 'engine' and r['engine']['action'] == 'reload-failed' and 'reload.memory-limit' in r['engine']['message'] and r['engine']['generation'] == $((reloads + 1))"
check "no packet did not fit the queues" fails some "r['event_type'] == 'stats' and r['stats'].get('capture', {}).get('kernel_drops', 0)"
