#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Malformed packets through the queue while pages and datagrams of others pass: nothing of theirs is lost or changed, every packet gets its verdict, memory
# stays. STORM says how many (1000000 for a long run), SEED which.
. "$(dirname "$0")/common.sh"
count=${STORM:-100000} seed=${SEED:-1}
storm=$(dirname "$SLUICE")/storm
seeds=("$here"/../fuzz/corpus/{dns,http,quic,text_protocols,tls,decode,stream}/*)
[ -x "$storm" ] || skip "there is no storm beside the program"
command -v ip >/dev/null || skip "there is no ip"
head -c 300000 /dev/urandom >"$tmp/page"
sum=$(sha256sum <"$tmp/page" | cut -d' ' -f1)
server serve "$tmp/page"
# add_hosts HOST PREFIX4 PREFIX6 SILENT4 SILENT6: addresses 48 to 55, the silent ones never answer
add_hosts() {
	"$SLUICE" lab run --on "$1" -- sh -c "
		for i in 0 1 2 3 4 5 6 7; do ip addr add $2.\$((48 + i))/24 dev eth0 && ip addr add $3::3\$i/64 dev eth0 nodad preferred_lft 0 || exit; done
		nft 'add table inet still; add chain inet still early { type filter hook prerouting priority -450; }
			add rule inet still early ip daddr $2.48/$4 drop; add rule inet still early ip6 daddr $3::30/$5 drop'"
}
check "addresses for its clients" add_hosts client 10.23.1 fd23:1 29 125
check "addresses for its servers" add_hosts server 198.51.100 2001:db8:2 30 126
rss() { awk '/^VmRSS/ { print $2 }' "/proc/$sluice_pid/status"; }
rain() { "$SLUICE" lab run --on client -- "$storm" eth0 "$1" "$2" "${seeds[@]}" 9</proc/net/netfilter/nfnetlink_queue; }
same() { [ "$(client get "$1" /page)" = "$sum" ]; }
silent() { client get "$1" /evil; [ $? = 2 ]; }
# stat PATH: a number of the last stats record
stat() {
	python3 - "$tmp/log/eve.json" "$1" <<'P'
import functools, json, sys
last = [r for r in map(json.loads, open(sys.argv[1])) if r["event_type"] == "stats"][-1]["stats"]
print(functools.reduce(lambda d, k: d[k], sys.argv[2].split("."), last))
P
}
malformed() {
	python3 - "$tmp/log/eve.json" <<'P'
import json, sys
last = [r for r in map(json.loads, open(sys.argv[1])) if r["event_type"] == "stats"][-1]["stats"]["decoder"]["event"]
def walk(d, name=""):
    for k, v in d.items():
        yield from walk(v, name + k + ".") if isinstance(v, dict) else [(v, name + k)]
seen = sorted((e for e in walk(last) if e[0]), reverse=True)
print(sum(n for n, _ in seen), "events of", len(seen), "kinds, most of all", ", ".join(f"{k} {n}" for n, k in seen[:5]))
sys.exit(len(seen) < 15)
P
}
queue() { awk -v f="$1" '{ n += $f } END { print n }' /proc/net/netfilter/nfnetlink_queue; }

# flows and fragments (of inner packets; the kernel puts outer ones together) end soon, so that what a storm leaves behind cannot look like a leak, nor hide one
quick=()
for proto in default tcp udp icmp; do
	for state in new:2 established:4 closed:0; do
		quick+=(--set "flow-timeouts.$proto.${state%:*}=${state#*:}")
	done
done
start --set stream.midstream=true --set stream.async-oneside=true --set stats.interval=1 --set defrag.timeout=4 "${quick[@]}" <<'R' || exit
drop http any any -> any any (msg:"attack"; flow:established,to_server; http.uri; content:"/evil"; sid:1;)
alert tcp any any -> any any (msg:"payload"; content:"nowhere"; sid:2;)
alert dns any any -> any any (msg:"name"; dns.query; content:"nowhere"; sid:3;)
alert tls any any -> any any (msg:"name"; tls.sni; content:"nowhere"; sid:4;)
alert udp any any -> any any (msg:"payload"; content:"nowhere"; sid:5;)
R
check "a page arrives before" same $V4
rain $((count / 5)) "$((seed + 1000000))" >"$tmp/warm.txt" 2>&1
before=$(rss)
"$SLUICE" lab run --on client -- python3 "$here/load.py" $V4 $V6 "$tmp/load.end" "$sum" >"$tmp/load.txt" 2>&1 &
load=$!
start_time=$(date +%s)
rain "$count" "$seed" >"$tmp/rain.txt" 2>&1
status=$?
check "sent: $(tail -n 1 "$tmp/rain.txt") in $(($(date +%s) - start_time)) s" test $status = 0
check "it lives" kill -0 "$sluice_pid"
touch "$tmp/load.end"
wait $load
status=$?
check "nothing of others was lost: $(tail -n 1 "$tmp/load.txt")" test $status = 0
after=$(rss)
check "an attack gets no answer, IPv4" silent $V4
check "an attack gets no answer, IPv6" silent $V6
check "a page arrives after" same $V6
within 5 test "$(queue 3)" = 0
full=$(queue 6) refused=$(queue 7) handed=$(queue 8)
check "nothing waits in the queues" test "$(queue 3)" = 0
check "the queues refused nothing: $full, $refused" test "$full $refused" = "0 0"
check "memory stays: $before kB before, $after kB after" [ "$after" -lt $((before + ${SLUICE_GROWTH:-32768})) ]
check "sluice ends with status 0" stop
verdicts=$(($(stat ips.accepted) + $(stat ips.blocked)))
check "as many verdicts as packets: $handed through the queues, $verdicts verdicts, of these $(stat ips.blocked) drops" test $((verdicts - handed)) -ge 0 -a $((verdicts - handed)) -lt 50
check "more than half of the storm came to the queues" test "$handed" -gt $((count * 6 / 10))
check "none were counted as lost" test "$(stat capture.kernel_drops)" = 0
check "what was malformed is counted: $(malformed)" malformed
