#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Clients of the control socket that mean ill: control.py SOCKET garbage N | silent | crowd N | split | pipeline"""
import json, random, socket, sys, time

path = sys.argv[1]
COMMANDS = ["block", "blocks", "capture-mode", "command-list", "conf-get", "confirm", "dump-counters", "iface-list", "iface-stat", "release",
            "ruleset-failed-rules", "ruleset-reload-time", "ruleset-stats", "running-mode", "status", "unblock", "uptime", "version"]


def connect(limit=10):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.connect(path)
    s.settimeout(limit)
    return s


def ask(s, command, arguments=None):
    s.sendall(json.dumps({"command": command, "arguments": arguments or {}}).encode())
    return receive(s)


def receive(s):
    data = b""
    while not data.endswith(b"\n"):
        part = s.recv(1 << 20)
        if not part:
            raise ConnectionError(f"closed after {data!r}")
        data += part
    return data


def value(r, depth=0):
    """Any JSON, most of it not what a command wants."""
    kind = r.randrange(9 if depth < 4 else 7)
    if kind == 7:
        return [value(r, depth + 1) for _ in range(r.randrange(4))]
    if kind == 8:
        return {r.choice(["address", "seconds", "why", "limit", "variable", "iface", "x"]): value(r, depth + 1) for _ in range(r.randrange(4))}
    return [None, True, -1, 1 << 62, 1e300, "\u00fc\u0000\\\"" * r.randrange(9), r.choice(["::/0", "0.0.0.0/0", "192.0.2.1/33", "fe80::1%eth0", "a" * 5000])][kind]


def request(r):
    kind = r.randrange(8)
    good = json.dumps({"command": r.choice(COMMANDS), "arguments": value(r)}).encode()
    if kind == 0:
        return r.randbytes(r.randrange(1, 300))
    if kind == 1:
        return good[: r.randrange(1, len(good))]
    if kind == 2:
        at = r.randrange(len(good))
        return good[:at] + r.randbytes(3) + good[at:]
    if kind == 3:
        return b'{"a":' * r.randrange(1, 3000)
    if kind == 4:
        return json.dumps(value(r)).encode()
    if kind == 5:
        return json.dumps({"command": value(r)}).encode()
    return good * r.randrange(1, 4)


def garbage(n):
    r, sent = random.Random(4), 0
    while sent < n:
        s = connect()
        try:
            for _ in range(r.randrange(1, 20)):
                s.sendall(request(r))
                sent += 1
                if r.randrange(2):
                    s.settimeout(0.001)
                    s.recv(1 << 16)
        except (TimeoutError, ConnectionError):
            pass
        s.close()
    print(sent, "sent")


def silent():
    """Asks much and reads nothing; meanwhile others are answered."""
    kept = []
    for _ in range(40):
        s = connect()
        s.setblocking(False)
        try:
            for _ in range(200):
                s.send(b'{"command":"dump-counters"}' * 20)
        except (BlockingIOError, ConnectionError):
            pass
        kept.append(s)
    start, worst = time.monotonic(), 0
    while time.monotonic() < start + 3:
        before = time.monotonic()
        ask(connect(), "uptime")
        worst = max(worst, time.monotonic() - before)
        time.sleep(0.05)
    print(f"an answer took {worst:.3f} s at worst")
    return worst > 1


def crowd(n):
    all_of_them = [connect() for _ in range(n)]
    for s in all_of_them:
        s.sendall(b'{"command":"version"}')
    answers = sum(b'"OK"' in receive(s) for s in all_of_them)
    print(answers, "of", n, "were answered")
    return answers != n


def split():
    """A request that ends anywhere: within a word, a character, an escape."""
    text = json.dumps({"version": "0.2"}).encode() + b"\n" + '{"command":"version","arguments":{"a":true,"b":-1.5e3,"c":"\u00fc\\"\\u00fc"}}'.encode()
    s = connect()
    for byte in text:
        s.sendall(bytes([byte]))
        time.sleep(0.001)
    first = receive(s)
    second = b"" if first.count(b"\n") == 2 else receive(s)
    print(first, second)
    return (first + second).count(b'"OK"') != 2


def pipeline():
    """Many requests in one piece, two reloads among them: each is answered, in order."""
    names = ["version"] * 500 + ["reload-rules", "reload-rules"] + ["uptime"] * 500
    s = connect(60)
    s.sendall(b"".join(b'{"command":"%s"}' % n.encode() for n in names))
    lines = b""
    while lines.count(b"\n") < len(names):
        lines += s.recv(1 << 20) or sys.exit("closed")
    good = sum(json.loads(x)["return"] == "OK" for x in lines.splitlines())
    print(good, "of", len(names))
    return good != len(names)


sys.exit({"garbage": garbage, "silent": silent, "crowd": crowd, "split": split, "pipeline": pipeline}[sys.argv[2]](*map(int, sys.argv[3:])))
