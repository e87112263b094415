#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# `sluice ruleset show`: the same rules from the kernel, from text and from nft's JSON; extensions of iptables-nft; a ruleset that changes meanwhile;
# RULES (20000) rules in less time and a quarter of the memory of nft -j.
. "$(dirname "$0")/common.sh"
vocabulary=$here/../ruleset/vocabulary.nft
command -v nft >/dev/null || skip "there is no nft"

# Compares two outputs of --json --rules, rule by rule: same FILE FILE LEAST
cat >"$tmp/same.py" <<'END'
import json, sys
def rules(path):
    return {(c["family"], c["table"], c["chain"], r["index"]): r["text"] for c in json.load(open(path))["chains"] for r in c["rules"]}
a, b = rules(sys.argv[1]), rules(sys.argv[2])
unlike = [k for k in a if a[k] != b.get(k)]
for k in unlike:
    print(k, a[k], "|", b.get(k))
sys.exit(len(a) < 80 or len(a) != len(b) or len(unlike) > int(sys.argv[3]))
END
same() { python3 "$tmp/same.py" "$@"; }

nft flush ruleset
if nft -f "$vocabulary" 2>"$tmp/nft.txt"; then
	"$SLUICE" ruleset show --json --rules >"$tmp/live.json"
	"$SLUICE" ruleset show --json --rules -f "$vocabulary" >"$tmp/text.json"
	nft -j list ruleset >"$tmp/nft.json" 2>/dev/null
	"$SLUICE" ruleset show --json --rules -f "$tmp/nft.json" >"$tmp/json.json"
	check "the loaded ruleset and its text are the same rules" same "$tmp/live.json" "$tmp/text.json" 0
	check "so are those of nft's JSON, but for one that nft 1.0 itself cannot read back" same "$tmp/live.json" "$tmp/json.json" 1
	check "nothing in it is unknown" grep -q '"not_understood":\[\]' "$tmp/live.json"
else
	echo "skip $name: this kernel lacks a part of the vocabulary: $(head -n 1 "$tmp/nft.txt")"
fi

# a file needs no rights, nor a kernel that has queue and flowtables
cat >"$tmp/q.nft" <<'END'
table inet t {
	flowtable ft { hook ingress priority filter; devices = { nowhere0, nowhere1 }; }
	chain f { type filter hook forward priority 10; policy drop
		iif nowhere0 flow add @ft
		queue flags bypass to 0-3
	}
}
END
chmod 755 "$tmp"
chmod 644 "$tmp/q.nft"
nobody() { setpriv --reuid 65534 --clear-groups "$@"; }
cp "$SLUICE" "$tmp/program" && chmod 755 "$tmp/program"
shows() { nobody "$tmp/program" ruleset show -f "$1" | grep -qF "$2"; }
check "a file is read without rights: the queue" shows "$tmp/q.nft" "queue 0-3 bypass"
check "and the flowtable, on devices that are not here" shows "$tmp/q.nft" "flowtable ft"
sed 's/flags bypass/flags bypas/' "$tmp/q.nft" >"$tmp/broken.nft"
"$SLUICE" ruleset show -f "$tmp/broken.nft" >"$tmp/out.txt" 2>&1
check "a broken file: nft's own words with the place" grep -q 'broken.nft:5:.*Error: syntax error' "$tmp/out.txt"

# extensions of xtables
nft flush ruleset
if command -v iptables-nft >/dev/null && iptables-nft -A FORWARD -m conntrack --ctstate ESTABLISHED -m comment --comment "by hand" -j NFQUEUE --queue-num 7 --queue-bypass 2>/dev/null; then
	"$SLUICE" ruleset show --rules >"$tmp/out.txt"
	check "iptables-nft: state, comment and NFQUEUE are understood" grep -q 'ct state established .*queue flags bypass to 7 comment "by hand"' "$tmp/out.txt"
	check "the queue is known to have no listener" grep -q 'queue 7: used by rules; nobody listens: packets are accepted' "$tmp/out.txt"
	check "whose it is" grep -q 'iptables-nft' "$tmp/out.txt"
	if iptables-nft -A FORWARD -m hashlimit --hashlimit-upto 5/sec --hashlimit-name x -j ACCEPT 2>/dev/null; then
		"$SLUICE" ruleset show >"$tmp/out.txt"
		check "what is not understood is named, with its rule" grep -q "xt match 'hashlimit' (ip filter FORWARD rule 2)" "$tmp/out.txt"
	fi
else
	echo "skip $name: no iptables-nft, or the kernel has no xt_NFQUEUE"
fi

# counters that grow
nft flush ruleset
nft 'table inet t { chain o { type filter hook output priority 0; udp dport 9999 counter comment "counted"; }; set s { type inet_service; flags dynamic; size 100; }; }'
(for _ in $(seq 40); do echo x >/dev/udp/127.0.0.1/9999; sleep 0.05; done) 2>/dev/null &
"$SLUICE" ruleset show --watch=1 --count 1 >"$tmp/out.txt"
wait $!
check "--watch: packets a second" grep -qE '^ +[0-9.]+ +[0-9.]+  inet t o 1: udp dport 9999 counter .*"counted"' "$tmp/out.txt"
check "--for: a packet that does not match" sh -c "! '$SLUICE' ruleset show --for 'tcp dport 443' | grep -q 9999"

# a ruleset that changes while it is read
(for i in $(seq 200); do nft add rule inet t o udp dport "$i" counter; done) &
changer=$!
bad=0
for _ in $(seq 10); do "$SLUICE" ruleset show --rules >"$tmp/out.txt" 2>&1 || { bad=$((bad + 1)); cat "$tmp/out.txt"; }; done
wait $changer
check "ten readings of a ruleset that changes all the while" test $bad -le 1

# many rules
nft flush ruleset
RULES=${RULES:-20000}
{
	echo 'table inet big { chain f { type filter hook forward priority 0;'
	for i in $(seq "$RULES"); do echo "ip saddr 10.$((i >> 16 & 255)).$((i >> 8 & 255)).$((i & 255)) tcp dport $((i % 60000 + 1)) counter accept"; done
	printf '}\n}\n'
} >"$tmp/big.nft"
nft -f "$tmp/big.nft"
cat >"$tmp/cost.py" <<'END'
import resource, subprocess, sys
def cost(*arguments):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(arguments, stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, after.ru_maxrss
own = cost(sys.argv[1], "ruleset", "show") # first: the memory is the largest of all children so far
nft = cost("nft", "-j", "list", "ruleset")
print(f"sluice {own[0]:.2f} s and {own[1] // 1024} MB, nft -j {nft[0]:.2f} s and {nft[1] // 1024} MB")
small = "asan" in sys.argv[2:] or own[1] * 4 <= nft[1]
sys.exit(not (small and ("asan" in sys.argv[2:] or own[0] <= nft[0])))
END
asan=
ldd "$SLUICE" | grep -q asan && asan=asan
python3 "$tmp/cost.py" "$SLUICE" $asan >"$tmp/cost.txt"
status=$?
check "$RULES rules: $(cat "$tmp/cost.txt")" test $status = 0
