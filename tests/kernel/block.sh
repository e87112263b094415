#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# An attack is dropped and said so, harmless traffic arrives byte for byte, in both families; nothing stays behind.
. "$(dirname "$0")/common.sh"
head -c 300000 /dev/urandom | base64 >"$tmp/page"
sum=$(sha256sum <"$tmp/page" | cut -d' ' -f1)
server serve "$tmp/page"
nft add table inet fw
nft 'add chain inet fw late { type filter hook forward priority 10; policy accept; }'
start <<'R' || exit
drop http any any -> any any (msg:"attack"; flow:established,to_server; http.uri; content:"/evil"; sid:1; rev:1;)
alert http any any -> any any (msg:"seen"; flow:established,to_server; http.uri; content:"/page"; sid:2; rev:1;)
R
same() { [ "$(client get "$1" /page)" = "$sum" ]; }
silent() { client get "$1" /evil; [ $? = 2 ]; }
check "READY names the chain that has 10 already" grep -q 'priority 11' "$tmp/run.txt"
check "IPv4: a page of 400 kB arrives byte for byte" same $V4
check "IPv6: a page of 400 kB arrives byte for byte" same $V6
check "IPv4: the attack gets no answer" silent $V4
check "IPv6: the attack gets no answer" silent $V6
check "the attack did not reach the server" fails grep -q evil "$tmp/server.txt"
check "a second sluice is refused" fails "$SLUICE" run -S "$tmp/test.rules" -l "$tmp/log" -q 4-5
check "and leaves the first one's table alone" has_table
check "sluice ends with status 0" stop
check "its table is gone" fails has_table
check "the firewall's own table is untouched" nft list chain inet fw late
for v in 4 6; do
	[ $v = 4 ] && of='":" not in r["src_ip"]' || of='":" in r["src_ip"]'
	check "IPv$v: alert with action blocked" some "r['event_type'] == 'alert' and r['alert']['signature_id'] == 1 and r['alert']['action'] == 'blocked' and $of"
	check "IPv$v: drop record" some "r['event_type'] == 'drop' and $of"
	check "IPv$v: alert about the page, action allowed" some "r['event_type'] == 'alert' and r['alert']['signature_id'] == 2 and r['alert']['action'] == 'allowed' and $of"
done
check "traffic passes as before" client get $V4 /evil
