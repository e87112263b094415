# SPDX-License-Identifier: GPL-2.0-or-later
"""messages.py OURS TC...: traces of strace -xx. Status 0: for each message of tc (RTM_NEWQDISC, _NEWTCLASS, _NEWTFILTER) ours has an equal one, in the same order.

What differs on purpose:
- HTB's tables of times for each length (RTAB, CTAB) are not sent, nor the cell_log and cell_align that belong to them: since Linux 3.8 the kernel reckons itself
- tc reckons the time of a burst in whole microseconds, we in ticks of 64 ns
- tc says EXCL where it adds and REPLACE where it replaces; so do we
- netem's correlations are sent only where one is not zero; tc sends them with any loss of two values
- tc forgets the correlation of duplicates unless it sends another one
- tc leaves out u32's class where there are actions
"""
import re, struct, sys

NEW = {"RTM_NEWQDISC": "qdisc", "RTM_NEWTCLASS": "class", "RTM_NEWTFILTER": "filter"}
HTB_TABLES = {3, 4}


def unhex(text):
    return bytes(int(x, 16) for x in re.findall(r"\\x([0-9a-f]{2})", text))


def attributes(data):
    out, at = [], 0
    while at + 4 <= len(data):
        length, kind = struct.unpack_from("HH", data, at)
        if length < 4 or at + length > len(data):
            break
        out.append((kind & 0x3FFF, data[at + 4 : at + length]))
        at += (length + 3) & ~3
    return out


def options(kind, what, data):
    if kind == "htb" and what == "class":
        out = []
        for t, v in attributes(data):
            if t in HTB_TABLES:
                continue
            if t == 1:  # PARMS: two rates (cell_log, linklayer, overhead, cell_align, mpu, rate), buffers
                v = b"".join(v[o + 1 : o + 4] + v[o + 6 : o + 12] for o in (0, 12)) + b"".join(struct.pack("I", int(t / 15.625)) for t in struct.unpack_from("II", v, 24)) + v[32:]
            out.append((t, v))
        return tuple(sorted(out))
    if kind == "netem":
        rest = [(t, v) for t, v in attributes(data[24:]) if not (t == 1 and not any(v))]
        return (data[:24],) + tuple(sorted(rest))
    if kind in ("fq_codel", "pfifo", "bfifo", "ingress"):
        return data
    return tuple(sorted((t, actions(v) if (kind, t) == ("u32", 7) else v) for t, v in attributes(data)))


def actions(data):
    "of each: its place, its kind, its parameters; the number of the ifb device is another one in each run"
    out = []
    for place, action in attributes(data):
        parts = dict(attributes(action))
        parameters = dict(attributes(parts[2]))
        name = parts[1].rstrip(b"\0").decode()
        out.append((place, name, tuple((t, v[:-4] if name == "mirred" else v) for t, v in parameters.items())))
    return tuple(out)


def read(path):
    for line in open(path, errors="replace"):
        m = re.search(r"nlmsg_type=(RTM_NEW(?:QDISC|TCLASS|TFILTER))", line)
        if not m:
            continue
        what = NEW[m[1]]
        flags = re.search(r"nlmsg_flags=([A-Z_|]+)", line)[1]
        place = re.search(r"tcm_handle=(\d+), tcm_parent=(\d+), tcm_info=(\d+)", line)
        device = re.search(r'if_nametoindex\("((?:\\x..)+)"\)', line)
        found = re.findall(r'\[?\{nla_len=(\d+), nla_type=(TCA_[A-Z_]+|NLA_F_NESTED\|TCA_[A-Z_]+)\}(?:, "((?:\\x[0-9a-f]{2})*)"?)?', line)
        named = {t.split("|")[-1]: unhex(v) for _, t, v in found}
        kind = named["TCA_KIND"].rstrip(b"\0").decode()
        yield (what, kind, unhex(device[1]).decode() if device else "?", "REPLACE" in flags) + place.groups() + (options(kind, what, named.get("TCA_OPTIONS", b"")),)


ours = list(read(sys.argv[1]))
theirs = [m for path in sys.argv[2:] for m in read(path)]
if not theirs:
    sys.exit("tc sent nothing")
at = 0
for want in theirs:
    # ours may have more: what served the rest before
    found = next((i for i in range(at, len(ours)) if ours[i] == want), None)
    if found is None:
        # a kernel without netem ends ours there
        print("tc sent", want)
        print("ours from there:", *ours[at : at + 3], sep="\n  ")
        sys.exit(1)
    at = found + 1
    if want[1] == "netem" and at == len(ours):
        break
