# SPDX-License-Identifier: GPL-2.0-or-later
# Sourced by the tests: each runs once in the gateway of a lab of its own. Tools of the client and server are in net.py.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
if [ -z "${SLUICE_LAB:-}" ]; then
	# a /run of its own where that is possible: control socket and status files of other runs are not touched
	if unshare -m sh -c 'mount -t tmpfs none /run' 2>/dev/null; then
		exec "$SLUICE" lab run -- unshare -m sh -c 'mount -t tmpfs none /run; exec bash "$0"' "$0"
	fi
	exec "$SLUICE" lab run -- bash "$0"
fi
name=$(basename "$0" .sh)
tmp=$(mktemp -d)
sluice_pid=
server_pid=
V4=198.51.100.2
V6=2001:db8:2::2

finish() {
	for pid in $sluice_pid $server_pid; do
		kill -9 "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
	done
	rm -rf "$tmp"
}
trap finish EXIT

ok() { echo "ok $name: $1"; }
not_ok() {
	echo "not ok $name: $1"
	[ ! -s "$tmp/run.txt" ] || sed 's/^/    /' "$tmp/run.txt" | tail -n 30
}
skip() {
	echo "skip $name: $1"
	exit 0
}
# check WHAT COMMAND...
check() {
	local what=$1
	shift
	if "$@" >"$tmp/check.txt" 2>&1; then ok "$what"; else
		not_ok "$what"
		sed 's/^/    /' "$tmp/check.txt" | tail -n 10
	fi
}
fails() { ! "$@"; }

client() { "$SLUICE" lab run --on client -- python3 "$here/net.py" "$@"; }
server() {
	"$SLUICE" lab run --on server -- python3 "$here/net.py" "$@" >"$tmp/server.txt" 2>&1 &
	server_pid=$!
	for _ in $(seq 100); do
		grep -q '^listening' "$tmp/server.txt" 2>/dev/null && return
		sleep 0.1
	done
	not_ok "the server of the test did not start"
	exit 0
}

# Starts `sluice run` with rules from standard input and waits for READY.
start() {
	cat >"$tmp/test.rules"
	mkdir -p "$tmp/log"
	"$SLUICE" run -S "$tmp/test.rules" -l "$tmp/log" -q 0-1 --set respond.block.state-file=none --set outputs.1.eve-log.types.99=drop "$@" >"$tmp/run.txt" 2>&1 &
	sluice_pid=$!
	for _ in $(seq 300); do
		grep -q '^READY' "$tmp/run.txt" && return 0
		kill -0 "$sluice_pid" 2>/dev/null || break
		sleep 0.1
	done
	not_ok "sluice did not get ready"
	return 1
}
stop() {
	kill -TERM "$sluice_pid"
	wait "$sluice_pid"
	status=$?
	sluice_pid=
	return $status
}
# It has ended by other means.
forget() {
	wait "$sluice_pid" 2>/dev/null
	sluice_pid=
}
# kill -9, and it is gone
die() {
	kill -9 "$sluice_pid"
	forget
}
# within SECONDS COMMAND...: it comes true in that time
within() {
	local end=$((${EPOCHREALTIME/[.,]/} + $1 * 1000000)) # microseconds; busybox's date has no fractions
	shift
	until "$@"; do
		[ "${EPOCHREALTIME/[.,]/}" -lt "$end" ] || return 1
		sleep 0.05
	done
}
# talk NAME ADDRESS[:PORT]: a client that keeps one TCP connection busy, see talk.py; connected when this returns
talk() {
	"$SLUICE" lab run --on client -- python3 "$here/talk.py" talk "$2" "$tmp/$1" >"$tmp/$1.txt" 2>&1 &
	eval "talk_$1=$!"
	within 10 grep -qs connected "$tmp/$1.txt"
}
# finish_talk NAME: its exit status
finish_talk() {
	touch "$tmp/$1.end"
	eval "wait \$talk_$1"
}
# words WORDS COMMAND...: the command's output has them
words() {
	local want=$1
	shift
	"$@" >"$tmp/words.txt" 2>&1
	grep -qE -- "$want" "$tmp/words.txt" || {
		cat "$tmp/words.txt"
		return 1
	}
}
# status_is NUMBER COMMAND...
status_is() {
	local want=$1
	shift
	"$@"
	[ $? = "$want" ]
}
has_table() { nft list tables 2>/dev/null | grep -q 'inet sluice'; }
# records JSON-PYTHON-CONDITION: how many records of eve.json meet it
records() {
	python3 - "$tmp/log/eve.json" "$1" <<'P'
import json, sys
try:
    print(sum(bool(eval(sys.argv[2], {"r": json.loads(line), "get": lambda *a: None})) for line in open(sys.argv[1])))
except OSError:
    print(0)
P
}
some() { [ "$(records "$1")" -gt 0 ]; }
