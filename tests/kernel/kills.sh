#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kill -9 again and again. bypass: connections go on, and new ones are made; drop: not one packet passes, neither dead nor while the next one starts. KILLS
# says how often.
. "$(dirname "$0")/common.sh"
kills=${KILLS:-20}
head -c 3000000 /dev/urandom >"$tmp/page"
sum=$(sha256sum <"$tmp/page" | cut -d' ' -f1)
server serve "$tmp/page"
rules='drop http any any -> any any (msg:"attack"; http.uri; content:"/evil"; sid:1;)'
state() { "$SLUICE" status --json | grep -q "\"traffic\": \"$1\""; }
ended() { touch "$tmp/$1.end"; }
alive() { kill -0 "$talk_old4" && kill -0 "$talk_old6"; }
sample() { # NAME ADDRESS
	"$SLUICE" lab run --on client -- python3 "$here/talk.py" sample "$2" "$tmp/$1" >"$tmp/$1.txt" 2>&1 &
	eval "talk_$1=$!"
	within 10 grep -q connected "$tmp/$1.txt"
}

# with the table left behind, and with the table that goes with its process
talk old4 $V4
talk old6 $V6
"$SLUICE" lab run --on client -- python3 "$here/load.py" $V4 $V6 "$tmp/load.end" "$sum" pages >"$tmp/load.txt" 2>&1 &
load=$!
good=0
for i in $(seq "$kills"); do
	start --set gateway.owner-flag=$([ $((i % 2)) = 0 ] && echo yes || echo no) <<<"$rules" || exit
	sleep 0.2
	die
	sleep 0.1
	alive 2>/dev/null && good=$((good + 1))
done
ended load
wait $load
status=$?
check "bypass: $kills times kill -9, all survived" test $good = "$kills"
check "bypass: new connections of both families: $(tail -n 1 "$tmp/load.txt")" test $status = 0
check "bypass: IPv4, not a byte of an old connection was lost: $(ended old4; sleep 1; tail -n 1 "$tmp/old4.txt")" finish_talk old4
check "bypass: IPv6, not a byte of an old connection was lost: $(ended old6; sleep 1; tail -n 1 "$tmp/old6.txt")" finish_talk old6

# closed from the first one on; each start finds it closed, and opens it only when it inspects
start --when-down drop <<<"$rules" || exit
die
good=0 sent=0
for i in $(seq "$kills"); do
	rm -f "$tmp"/dead?.end
	sample dead4 $V4
	sample dead6 $V6
	sleep 0.3
	finish_talk dead4 && finish_talk dead6 && good=$((good + 1))
	sent=$((sent + $(awk '/sent/ { n += $1 } END { print n }' "$tmp/dead4.txt" "$tmp/dead6.txt")))
	start --when-down drop <<<"$rules" || exit
	die
done
check "drop: $kills times kill -9, and nothing passed: $sent sent" test $good = "$kills"
check "drop: status says so" state dropped

# a start that takes long, and is killed before it is ready
for i in $(seq 6000); do
	echo "alert http any any -> any any (msg:\"rule $i\"; http.uri; content:\"/nowhere-$i\"; pcre:\"/a$i.*b/\"; sid:$((1000 + i));)"
done >"$tmp/many.rules"
sample starting4 $V4
sample starting6 $V6
for wait in 0.02 0.05 0.1; do
	"$SLUICE" run -S "$tmp/many.rules" -l "$tmp/log" -q 0-1 --when-down drop --set detect.sgh-mpm-caching=no >"$tmp/run.txt" 2>&1 &
	sluice_pid=$!
	sleep $wait
	grep -q '^READY' "$tmp/run.txt" && echo "ready within $wait s" >>"$tmp/early.txt"
	die
done
sleep 0.2
if [ -s "$tmp/early.txt" ]; then
	echo "skip $name: killed while starting: it is $(tail -n 1 "$tmp/early.txt")"
	ended starting4 && finish_talk starting4
	ended starting6 && finish_talk starting6
else
	check "drop: killed while starting, IPv4: $(ended starting4; sleep 0.3; tail -n 1 "$tmp/starting4.txt")" finish_talk starting4
	check "drop: killed while starting, IPv6: $(ended starting6; sleep 0.3; tail -n 1 "$tmp/starting6.txt")" finish_talk starting6
fi
start --when-down drop <<<"$rules" || exit
check "drop: the next start opens" client get $V6 /page
check "sluice ends with status 0" stop
check "no table is left" fails has_table
