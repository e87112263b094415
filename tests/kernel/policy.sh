#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Policies: what the profile is sure of is dropped, an attacker is blocked in the kernel, also after a restart, but never an allowed one; a flow is released.
. "$(dirname "$0")/common.sh"
head -c 30000 /dev/urandom | base64 >"$tmp/page"
sum=$(sha256sum <"$tmp/page" | cut -d' ' -f1)
server serve "$tmp/page"
rules() {
	cat <<'R'
alert http any any -> any any (msg:"sure"; flow:established,to_server; http.uri; content:"/sure"; metadata:signature_severity Major, confidence High; sid:1; rev:1;)
alert http any any -> any any (msg:"unsure"; flow:established,to_server; http.uri; content:"/page"; metadata:signature_severity Major, confidence Low; sid:2; rev:1;)
alert http any any -> any any (msg:"block"; flow:established,to_server; http.uri; content:"/block"; sid:3; rev:1;)
alert http any any -> any any (msg:"release"; flow:established,to_server; http.uri; content:"/release"; sid:4; rev:1;)
R
}
policy=(--set respond.rules.0.match.sid=3 --set "respond.rules.0.do=block src for 1m" --set respond.rules.1.match.sid=4 --set respond.rules.1.do=release)
run() { start "${policy[@]}" --set respond.block.state-file="$tmp/log/blocks.json" "$@" < <(rules); }
same() { [ "$(client get "$1" /page)" = "$sum" ]; }
silent() { client get "$1" "$2"; [ $? = 2 ]; }
blocked() { nft list set inet sluice "blocked$1" | grep -q elements; }
run --set respond.allow=fd23::/16 || exit
check "READY says what the policy does" grep -q 'profile sure: drop; 1 rule' "$tmp/run.txt"
check "an alert that is not sure passes" same $V4
check "a sure one is dropped" silent $V4 /sure
check "a released flow goes on" client get $V4 /release
check "nobody is blocked yet" fails blocked 4
check "the attack is dropped" silent $V4 /block
check "and its source is in the kernel's set" blocked 4
check "the source gets nothing any more" fails same $V4
check "IPv6, allowed: the attack is dropped" silent $V6 /block
check "but nobody is blocked" fails blocked 6
check "the allowed one goes on" same $V6
check "sluice ends with status 0" stop
check "traffic passes when it is gone" same $V4
check "the record of the block" some "r['event_type'] == 'block' and r['block']['action'] == 'block' and r['block']['signature_id'] == 3 and 'flow_id' in r"
check "the record of the one that was spared" some "r['event_type'] == 'block' and r['block']['action'] == 'spare' and 'respond.allow' in r['block']['why']"
check "the alert says which policy decided" some "r['event_type'] == 'alert' and r.get('sluice') == {'policy': 'profile sure', 'do': 'drop'} and r['alert']['action'] == 'blocked'"
check "the unsure one was allowed" some "r['event_type'] == 'alert' and r['alert']['signature_id'] == 2 and r['alert']['action'] == 'allowed'"
check "the flow was released" some "r['event_type'] == 'flow' and r['flow'].get('released') == 'policy' and r['flow']['state'] == 'bypassed'"
run || exit
check "after a restart the block is there" blocked 4
check "and acts" fails same $V4
check "IPv6 without the allow list: the attack is dropped" silent $V6 /block
check "and its source blocked" blocked 6
check "it ends again" stop
