#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What netem does to a line, measured, in both families. A check of chance that fails is made once more. PINGS: how many for the shares.
. "$(dirname "$0")/common.sh"
command -v tc >/dev/null || skip "no tc here"
if ! tc qdisc add dev outside root netem delay 1ms 2>/dev/null; then skip "this kernel has no netem"; fi
tc qdisc del dev outside root
lag() { "$SLUICE" lag "$@"; }
PINGS=${PINGS:-2000}
start_line() { lag start "$@" >"$tmp/start.txt" 2>&1 || not_ok "start $*: $(cat "$tmp/start.txt")"; }

cat >"$tmp/judge.py" <<'P'
import json, math, statistics, sys
kind, base = sys.argv[1], float(sys.argv[2])
want = [float(x) for x in sys.argv[3:]]
r = json.load(sys.stdin)
trips, n = r["trips_ms"], r["sent"]
there = [t for t in trips if t]
lost = n - len(there)

def within(count, n, low, high):
    "99.9 % interval of a binomial between the two shares"
    z = 3.29
    least = n * low - z * math.sqrt(n * low * (1 - low)) - 1
    most = n * high + z * math.sqrt(n * high * (1 - high)) + 1
    print(f"{count} of {n}, allowed {least:.0f} to {most:.0f}")
    return least <= count <= most

if kind == "delay":
    m = statistics.median(there) - base
    print(f"median {m:.2f} ms beyond {base:.2f}")
    good = abs(m - want[0]) <= max(1, want[0] * 0.05) and lost == 0
elif kind == "jitter":
    m, s = statistics.median(there) - base, statistics.pstdev(there)
    print(f"median {m:.2f} ms, deviation {s:.2f}")
    good = abs(m - want[0]) <= max(1, want[0] * 0.05) and abs(s - want[1]) <= want[1] * 0.2
elif kind == "loss":
    good = within(lost, n, want[0], want[-1])
elif kind == "burst":
    mean = lost / max(1, r["bursts"])
    print(f"{lost} of {n} lost, in runs of {mean:.2f}")
    good = abs(mean - want[0]) <= 0.2 * want[0]
elif kind == "twice":
    good = within(r["twice"], n, want[0], want[0])
elif kind == "reorder":
    early = sum(t < base + want[1] / 2 for t in there)
    good = within(early, n, want[0], want[0])
sys.exit(0 if good else 1)
P
# once KIND COUNT GAP WANT...: pings of both families, judged
once() {
	local kind=$1 count=$2 gap=$3 address=$4
	shift 4
	lag probe --json --count "$count" --gap "$gap" "$address" | python3 "$tmp/judge.py" "$kind" "$base" "$@"
}
twice() { once "$@" || once "$@"; }
measure() { # WHAT KIND COUNT GAP WANT... : after a start
	local what=$1 kind=$2 count=$3 gap=$4
	shift 4
	check "$what, IPv4" twice "$kind" "$count" "$gap" $V4 "$@"
	check "$what, IPv6" twice "$kind" "$count" "$gap" $V6 "$@"
	lag stop >/dev/null
}
within 10 lag probe --count 1 $V6
base=$(lag probe --json --count 100 --gap 5 $V4 | python3 -c 'import json,sys; print(json.load(sys.stdin)["median_ms"])')

start_line --dev outside --delay 50ms
measure "delay" delay 100 10 50
start_line --dev outside --direction in --delay 50ms
measure "delay of what arrives" delay 100 10 50
start_line --dev outside --delay 60ms --jitter 10ms --distribution normal
measure "jitter, normal" jitter 400 8 60 10
start_line --dev outside --delay 60ms --jitter 20ms
measure "jitter, uniform" jitter 400 8 60 11.5
start_line --dev outside --loss 5%
measure "loss" loss "$PINGS" 1 0.05
start_line --dev outside --burst-loss 2%,25%
measure "loss in bursts of four" burst $((PINGS * 4)) 1 4
start_line --dev outside --duplicate 5%
measure "duplication" twice "$PINGS" 1 0.05
start_line --dev outside --delay 40ms --reorder 25%
measure "reordering" reorder "$PINGS" 2 0.25 40
# one bit of the frame: where no checksum covers it (the sender's hardware address, IPv6's first word and hop limit) the packet lives
start_line --dev outside --corrupt 10%
measure "corruption" loss "$PINGS" 1 0.08 0.10

head -c 4000000 /dev/urandom >"$tmp/page"
server serve "$tmp/page"
rate() { # ADDRESS: kbit/s over SECONDS after the burst
	"$SLUICE" lab run --on client -- python3 - "$1" "${SECONDS_RATE:-5}" <<'P'
import socket, sys, time
s = socket.create_connection((sys.argv[1], 80), 20)
s.sendall(b"GET /page HTTP/1.1\r\nHost: a\r\n\r\n")
got, start, first = 0, None, 0
while data := s.recv(65536):
    got += len(data)
    now = time.time()
    if start is None and got > 300000:
        start, first = now, got
    if start and now - start > float(sys.argv[2]):
        break
print(int((got - first) * 8 / 1000 / (now - start)))
P
}
near() { # WANT COMMAND...: within 5 %
	local want=$1 n
	shift
	n=$("$@") && echo "$n kbit/s, $want wanted" && [ $((n * 100)) -ge $((want * 95)) ] && [ $((n * 100)) -le $((want * 105)) ]
}
again() { "$@" || "$@"; }
# of a frame of 1514 bytes 1448 are the page (IPv6: 1428)
for how in "with netem:--delay 1ms" "by HTB:"; do
	lag start --dev inside --rate 4mbit ${how#*:} >/dev/null
	check "rate ${how%%:*}, IPv4" again near 3825 rate $V4
	check "rate ${how%%:*}, IPv6" again near 3772 rate $V6
	lag stop >/dev/null
done
if [ "$(uname -r | cut -d. -f1-2 | tr . 0)" -lt 606 ]; then
	check "a seed is refused in words where netem has none" words 'has no seed: that came with Linux 6.6' lag start --dev outside --loss 1% --seed 7
fi
check "a profile" lag start satellite --dev outside
lag stop >/dev/null
