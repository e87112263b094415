# SPDX-License-Identifier: GPL-2.0-or-later
# Sourced after common.sh: a client with whole networks of addresses (crowd.py), and a sluice that blocks them.
head -c 1000 /dev/urandom >"$tmp/page"
server serve "$tmp/page"
# the client has whole networks, and the server answers them by way of the gateway
P=2001:db8:100 # a /48
"$SLUICE" lab run --on client -- sh -c "ip route add local 10.23.1.128/25 dev lo; ip -6 route add local $P::/44 dev lo"
ip -6 route add $P::/44 via fd23:1::2
ip route add 10.23.1.128/25 via 10.23.1.2
ip route add default via $V4
ip -6 route add default via $V6
tell() { # ADDRESS TEXT SOURCE...
	"$SLUICE" lab run --on client -- python3 "$here/crowd.py" tell "$@"
}
heard() { tell "$1" hello "${@:2}"; }
unheard() { PATIENCE=0.3 status_is 1 tell "$1" hello "${@:2}"; }
attack() { PATIENCE=0.3 status_is 1 tell "$1" "$3" "$2" && sleep 0.1; } # ADDRESS SOURCE TEXT
socket=$tmp/socket
ask() { "$SLUICE" "$1" --socket "$socket" "${@:2}"; }
rules() {
	cat <<'R'
alert udp any any -> any 5353 (msg:"short"; content:"evil-short"; sid:1;)
alert udp any any -> any 5353 (msg:"long"; content:"evil-long"; sid:2;)
alert udp any 5353 -> any any (msg:"an echo"; content:"bad"; sid:3;)
R
}
run() { # STATE-FILE OPTION...
	start --socket "$socket" --set respond.block.state-file="$1" --set respond.rules.0.match.sid=1 --set "respond.rules.0.do=block src for 4s" \
		--set respond.rules.1.match.sid=2 --set "respond.rules.1.do=block src for 5m" --set respond.rules.2.match.sid=3 --set "respond.rules.2.do=block src for 5m" \
		--set "gateway.hooks.0=forward" --set "gateway.hooks.1=output" --set respond.allow.0=10.23.1.224/28 --set respond.allow.1=2001:db8:10f::/48 \
		--set respond.block.escalate-64=3 --set respond.block.escalate-56=2 --set respond.block.escalate-48=2 "${@:2}" < <(rules)
}
listed() { ask blocks | grep -qE -- "^ +$1 "; } # PREFIX
elements() { nft list set inet sluice "blocked$1" | tr ',' '\n' | grep -oE '[0-9a-f:.]+(/[0-9]+)? (counter packets [0-9]+ bytes [0-9]+ )?timeout' | sed 's/ .*//' | sort | tr '\n' ' '; }
is() { [ "$1" = "$2" ] || { echo "'$1' is not '$2'"; return 1; }; }
left() { # SET ELEMENT: seconds that the kernel still keeps it
	nft list set inet sluice "$1" | tr ',' '\n' | grep -F "$2" | grep -oE 'expires [0-9hms]+' | sed -E 's/expires //; s/[0-9]+ms//; s/([0-9]+)m/\1*60+/; s/([0-9]+)s/\1/; s/\+$//' | head -n 1 | { read -r e && echo $((e)); }
}
event() { some "r['event_type'] == 'block' and r['block']['action'] == '$1' and r['block']['prefix'] == '$2' and $3"; }
json() { ask blocks --json | python3 -c "import json, sys; d = json.load(sys.stdin); print(eval(sys.argv[1]))" "$1"; }
