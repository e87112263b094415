# SPDX-License-Identifier: GPL-2.0-or-later
# Sourced after common.sh: client and server of ends.py. What the server says is in server.txt, or where $server_said says.
C4=10.23.1.2
C6=fd23:1::2
long_C6=fd23:0001:0000:0000:0000:0000:0000:0002 # as records write them
long_V6=2001:0db8:0002:0000:0000:0000:0000:0002

ends() { # HOST ARGUMENTS...
	"$SLUICE" lab run --on "$1" -- python3 "$here/ends.py" "${@:2}"
}
begin_server() { # [ARGUMENTS]: what it says is in server.txt
	ends server "${@:-serve}" >"$tmp/server.txt" 2>&1 &
	server_pid=$!
	within 20 grep -qs '^listening' "$tmp/server.txt" || {
		not_ok "the server of the test did not start"
		exit
	}
	# neighbours know each other, before many fragments at once wait for that
	printf 'hello%s udp %s 7 10\n' 4 $V4 6 $V6 | ask
}
ask() { ends client ask >"$tmp/asked.txt" 2>&1; } # steps from standard input
# said NAME WORDS: what came of the step
said() {
	grep -qE "^$1 $2( |\$)" "$tmp/asked.txt" && return
	grep "^$1 " "$tmp/asked.txt" || tail -n 5 "$tmp/asked.txt"
	return 1
}
# arrived NAME PEER: answered byte for byte, and the server had it from PEER
arrived() {
	said "$1" same || return
	local sum
	sum=$(awk -v n="$1" '$1 == n { print $3 }' "$tmp/asked.txt")
	within 5 grep -qE "^(tcp|udp|icmp) $2 [0-9]+ $sum\$" "${server_said:-$tmp/server.txt}" && return
	grep "$sum" "${server_said:-$tmp/server.txt}"
	return 1
}
# stopped NAME [WORD]: silence, or what WORD says, and the server had nothing of it
stopped() {
	said "$1" "${2:-silent}" || return
	! grep -q " $(awk -v n="$1" '$1 == n { print $3 }' "$tmp/asked.txt")\$" "${server_said:-$tmp/server.txt}"
}
none() { [ "$(records "$1")" = 0 ]; }
