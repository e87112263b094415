#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""How long from an attacker's send() until the kernel blocks the attacker.

usage: block_latency.py --sluice PROGRAM [--rules RULES...] [--attacks N] [--family 4|6] [--out FOLDER]

In a lab of namespaces a client sends datagrams that a policy answers with `block src`, each from an address of its own. A listener that has nothing
to do with sluice (a netlink socket in the group NFNLGRP_NFTABLES) notes when the kernel announces the set's new element. One clock
(CLOCK_MONOTONIC of this machine) for both. Printed: how many were announced, and p50, p90, p99 and the longest in milliseconds.
"""
import argparse
import ipaddress
import os
import pathlib
import socket
import struct
import subprocess
import sys
import tempfile
import time

NETLINK_NETFILTER, NFNLGRP_NFTABLES, NEWSETELEM = 12, 7, 10 << 8 | 12
TARGET = {4: "198.51.100.2", 6: "2001:db8:2::2"}
RULE = 'alert udp any any -> any 5353 (msg:"block me"; content:"block-me-now"; sid:9999997; rev:1;)\n'
POLICY = "%YAML 1.1\n---\nrespond:\n  rules:\n    - match: { sid: [9999997] }\n      do: block src for 10m\n"


def source(family, i):
    """Far apart, so that no two share a prefix that escalates, and none is the end of another's interval."""
    if family == 4:
        return ipaddress.ip_address(0x0A630000 + 256 + 2 * i)
    return ipaddress.ip_address(0x20010DB8 << 96 | 0x9900 + i << 80 | 1)


def wait_for_way(kind, target):
    """Until a datagram is answered (port unreachable): a fresh lab keeps IPv6 packets back for a second, until neighbours are known."""
    with socket.socket(kind, socket.SOCK_DGRAM) as s:
        s.connect((target, 5354))
        s.settimeout(0.1)
        for _ in range(100):
            try:
                s.send(b"anybody there?")
                s.recv(1)
            except ConnectionRefusedError:
                return
            except OSError:
                time.sleep(0.05)
    sys.exit("block_latency: no way to the server")


def send(family, count, gap):
    """In the client: one datagram every `gap` seconds; prints address and time of each."""
    # sources that are nobody's: IP_TRANSPARENT, IPV6_FREEBIND
    kind, level, option = (socket.AF_INET, socket.SOL_IP, 19) if family == 4 else (socket.AF_INET6, 41, 78)
    wait_for_way(kind, TARGET[family])
    for i in range(count):
        s = socket.socket(kind, socket.SOCK_DGRAM)
        s.setsockopt(level, option, 1)
        s.bind((str(source(family, i)), 0))
        s.connect((TARGET[family], 5353))
        at = time.monotonic_ns()
        s.send(b"xx block-me-now xx")
        print(source(family, i).packed.hex(), at, flush=True)
        s.close()
        time.sleep(gap)


def attributes(data):
    while len(data) >= 4:
        length, kind = struct.unpack_from("=HH", data)
        if length < 4 or length > len(data):
            return
        yield kind & 0x3FFF, data[4:length]
        data = data[(length + 3) & ~3:]


def keys(message):
    """Of the elements that a NEWSETELEM message announces: NFTA_SET_ELEM_LIST_ELEMENTS 3, LIST_ELEM 1, KEY 1, DATA_VALUE 1."""
    for kind, elements in attributes(message[20:]):
        if kind != 3:
            continue
        for _, element in attributes(elements):
            for what, key in attributes(element):
                if what == 1:
                    for value, data in attributes(key):
                        if value == 1:
                            yield data.hex()


def listen(listener, seen, until):
    listener.settimeout(0.05)
    while time.monotonic() < until:
        try:
            data = listener.recv(1 << 16)
        except (TimeoutError, socket.timeout):
            continue
        at = time.monotonic_ns()
        while len(data) >= 16:
            length, kind = struct.unpack_from("=IH", data)
            if kind == NEWSETELEM:
                for key in keys(data[:length]):
                    seen.setdefault(key, at)
            if length < 16:
                break
            data = data[(length + 3) & ~3:]


def run(args):
    with tempfile.TemporaryDirectory() as temporary:
        top = pathlib.Path(temporary)
        (top / "rules").write_bytes(b"".join(pathlib.Path(path).read_bytes() for path in args.rules) + RULE.encode())
        (top / "policy.yaml").write_text(POLICY)
        (top / "log").mkdir()
        child = subprocess.Popen([args.sluice, "run", "-S", str(top / "rules"), "--include", str(top / "policy.yaml"), "-l", str(top / "log"), "-q", "0-1",
                                  "--set", f"detect.sgh-mpm-caching-path={top / 'cache'}"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        said = []
        for line in child.stdout:
            said.append(line)
            if line.startswith("READY"):
                break
        else:
            sys.exit("block_latency: not ready:\n" + "".join(said))
        listener = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        listener.bind((0, 0))
        listener.setsockopt(270, 1, NFNLGRP_NFTABLES)  # SOL_NETLINK, NETLINK_ADD_MEMBERSHIP
        seen = {}
        sender = subprocess.Popen([args.sluice, "lab", "run", "--on", "client", "--", sys.executable, __file__, "--send", str(args.attacks), "--family", str(args.family),
                                   "--gap", str(args.gap)], stdout=subprocess.PIPE, text=True)
        listen(listener, seen, time.monotonic() + args.attacks * (args.gap + 0.002) + 6)
        sent = [line.split() for line in sender.communicate(timeout=60)[0].splitlines()]
        child.terminate()
        child.wait(20)
    return [(seen[address] - int(at)) / 1e6 for address, at in sent if address in seen], len(sent)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sluice", type=lambda path: str(pathlib.Path(path).resolve()))
    parser.add_argument("--rules", nargs="*", default=[])
    parser.add_argument("--attacks", type=int, default=1000)
    parser.add_argument("--family", type=int, choices=(4, 6), default=4)
    parser.add_argument("--gap", type=float, default=0.005, help="seconds between attacks")
    parser.add_argument("--send", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.send:
        return send(args.family, args.send, args.gap)
    if not args.sluice:
        parser.error("--sluice is needed")
    if "SLUICE_LAB" not in os.environ:
        os.execv(args.sluice, [args.sluice, "lab", "run", "--", sys.executable, *sys.argv])
    times, sent = run(args)
    times.sort()
    print(f"{sent} attacks sent, {len(times)} blocks announced")
    if not times:
        sys.exit(1)
    at = lambda share: times[min(len(times) - 1, int(len(times) * share))]
    print(f"send() to the kernel's announcement, ms: p50 {at(0.5):.2f}, p90 {at(0.9):.2f}, p99 {at(0.99):.2f}, longest {times[-1]:.2f}")


if __name__ == "__main__":
    main()
