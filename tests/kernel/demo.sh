#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The demonstration holds, twice in a row, as an ordinary user too; without the IPS it fails; Ctrl-C leaves nothing.
SLUICE_LAB=none . "$(dirname "$0")/common.sh"
unset SLUICE_LAB
export TMPDIR=$tmp
chmod 777 "$tmp"
leftovers() { find "$tmp" -name 'sluice-demo-*' | grep -q . || pgrep -f "$tmp/sluice-demo-" >/dev/null; }
for turn in first second; do
	check "it holds the $turn time" "$SLUICE" lab demo
done
check "it fails when the IPS is taken out" fails "$SLUICE" lab demo --break queue
# The tree may lie where an ordinary user cannot look: a copy stands in the test's own folder.
mkdir -p "$tmp/copy/share"
cp "$SLUICE" "$tmp/copy/sluice"
cp -r "$here/../../share/demo" "$tmp/copy/share/demo"
chmod -R a+rX "$tmp/copy"
as_user() { SLUICE_SHARE=$tmp/copy/share setpriv --reuid 65534 --regid 65534 --clear-groups "$tmp/copy/sluice" "$@"; }
if [ "$(id -u)" != 0 ]; then
	ok "all of this as an ordinary user"
elif ! command -v setpriv >/dev/null || ! why=$(as_user lab probe 2>&1); then
	echo "skip $name: as an ordinary user: ${why:-setpriv is not there}"
else
	check "it holds as an ordinary user" as_user lab demo
fi
"$SLUICE" lab demo >"$tmp/stopped.txt" 2>&1 &
pid=$!
for _ in $(seq 200); do
	grep -q 'The client asks' "$tmp/stopped.txt" && break
	sleep 0.05
done
kill -TERM $pid
wait $pid
check "stopped half way, it says so" grep -q 'everything is taken away' "$tmp/stopped.txt"
check "and leaves no file and no process" fails leftovers
