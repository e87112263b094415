# SPDX-License-Identifier: GPL-2.0-or-later
# Sourced after common.sh: the table without the engine, by gateway_tool. Prepared by: begin OPTIONS..., ask COMMAND..., finished.
tool=$(dirname "$SLUICE")/gateway_tool
[ -x "$tool" ] || skip "there is no gateway_tool beside the program"
C4=10.23.1.2
C6=fd23:1::2

begin() {
	mkfifo "$tmp/commands.$$" 2>/dev/null
	"$tool" "$@" <"$tmp/commands.$$" >"$tmp/run.txt" 2>&1 &
	sluice_pid=$!
	exec 7>"$tmp/commands.$$"
	for _ in $(seq 100); do
		grep -q '^READY' "$tmp/run.txt" && return 0
		kill -0 "$sluice_pid" 2>/dev/null || break
		sleep 0.05
	done
	not_ok "gateway_tool did not get ready"
	return 1
}
# The answer, whose last line is "done NUMBER" or "failed: WORDS"
ask() {
	local before
	before=$(wc -l <"$tmp/run.txt")
	echo "$*" >&7
	for _ in $(seq 600); do
		tail -n +$((before + 1)) "$tmp/run.txt" | grep -qE '^(done|failed)' && break
		sleep 0.05
	done
	tail -n +$((before + 1)) "$tmp/run.txt"
}
answers() { # WORDS COMMAND...: the answer has a line that matches
	local words=$1
	shift
	ask "$@" >"$tmp/answer"
	grep -qE -- "$words" "$tmp/answer" || {
		cat "$tmp/answer"
		return 1
	}
}
count() { # queued|released|blocked: what the table counted
	ask counts | awk -v what="$1" '/^queued/ { for (i = 1; i < NF; i += 2) if ($i == what) print $(i + 1) }'
}
finished() {
	exec 7>&-
	wait "$sluice_pid"
	status=$?
	sluice_pid=
	return $status
}
