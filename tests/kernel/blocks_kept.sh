#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Blocks that the kernel refuses are listed as such and tried again; those with time left survive an end and a kill -9, and 100,000 are there in seconds.
. "$(dirname "$0")/common.sh"
. "$here/crowd.sh"
MANY=${MANY:-100000}

# ---- what the kernel refuses ----
run none --set gateway.owner-flag=no || exit
state() { json "[b['state'] for b in d['blocks']]"; }
for v in 4 6; do
	[ $v = 4 ] && a=$V4 c=10.23.1.180 around=10.23.1.180-10.23.1.183 || { a=$V6 c=$P:9::1 around=$P:9::-$P:9::f; }
	nft add element inet sluice blocked$v "{ $around }"
	check "IPv$v: the kernel refuses a block within another's range" words 'File exists' ask block $c --for 5m
	check "IPv$v: it is listed, as pending" is "$(state)" "['pending']"
	check "IPv$v: the list says so" words 'not in force' ask blocks
	check "IPv$v: the record says so" within 5 event pending $c/$([ $v = 4 ] && echo 32 || echo 128) True
	check "IPv$v: it is said in the log" within 5 grep -q '1 blocks are not in force' "$tmp/run.txt"
	nft delete element inet sluice blocked$v "{ $around }"
	in_force() { [ "$(state)" = "['in force']" ]; }
	check "IPv$v: it is tried again and comes into force" within 5 in_force
	check "IPv$v: the kernel has it" is "$(elements $v)" "$c "
	check "IPv$v: the record says so" within 5 event block $c/$([ $v = 4 ] && echo 32 || echo 128) True
	check "IPv$v: it is not heard" unheard $a $c
	ask unblock $c >/dev/null
done
check "it ends" stop
rm -rf "$tmp/log"

# ---- what survives ----
file=$tmp/blocks.json
run "$file" || exit
check "attacks, short and long" attack $V4 10.23.1.160 evil-short
attack $V4 10.23.1.161 evil-long
attack $V6 $P::1 evil-short
attack $V6 2001:db8:105::1 evil-long
check "and one for good" words 'for good' ask block 10.23.1.162
wanted="10.23.1.161/32 10.23.1.162/32 2001:db8:105::1/128"
after() { json "' '.join(sorted(b['address'] for b in d['blocks']))"; }
check "they are on disk without an end of the run" within 10 grep -q "2001:db8:105::1" "$file"
check "the last one, too" within 10 grep -q 10.23.1.162 "$file"
die
sleep 3.5
run "$file" || exit
check "after a kill -9: those with time left" is "$(after)" "$wanted"
check "in the kernel, too" is "$(elements 4)$(elements 6)" "10.23.1.161 2001:db8:105::1 "
check "IPv4: it is not heard" unheard $V4 10.23.1.161 10.23.1.162
check "IPv6: it is not heard" unheard $V6 2001:db8:105::1
check "who has no time left is heard" heard $V4 10.23.1.160
check "IPv6, too" heard $V6 $P::1
check "the record says that they are back" within 5 event restore 2001:db8:105::1/128 "r['block']['signature_id'] == 2"
check "sluice ends with status 0" stop
run "$file" || exit
check "after an end in order, too" is "$(after)" "$wanted"
check "it acts" unheard $V4 10.23.1.161
check "it ends again" stop
python3 - "$file" "$MANY" <<'P'
import sys, time
until = int((time.time() + 3600) * 1e6)
with open(sys.argv[1], "w") as f:
    f.write('{"version":1}\n')
    for i in range(int(sys.argv[2])):
        prefix = f"100.{64 + (i >> 16)}.{i >> 8 & 255}.{i & 255}/32" if i % 2 else f"2001:db8:{0x200 + (i >> 16):x}:{i & 65535:x}::/64"
        f.write(f'{{"prefix":"{prefix}","since":1,"until":{until},"why":"many"}}\n')
P
begin=$(date +%s%N)
run "$file" --set respond.block.max=$((MANY + 10)) || exit
took=$((($(date +%s%N) - begin) / 1000000))
check "$MANY blocks are restored" is "$(json "d['count']")" "$MANY"
check "in seconds ($took ms to READY)" test "$took" -lt 25000
check "they are in the kernel" is "$(for v in 4 6; do nft list set inet sluice blocked$v; done | grep -o expires | wc -l)" "$MANY"
check "another is still blocked at once" attack $V4 10.23.1.170 evil-long
check "and listed" words '10.23.1.170/32' ask blocks
check "it ends with all of them" stop
check "they are on disk" is "$(wc -l <"$file")" $((MANY + 2))
