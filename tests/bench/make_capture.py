#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Make a capture for measurements: HTTP pages and downloads, DNS, TLS hellos with opaque data, over IPv4.

usage: make_capture.py --out FILE [--size MB] [--seed N]

Deterministic for a seed. A tenth of the bytes is made afresh for each flow, the rest is drawn from a pool, as on a
real line.
"""
import argparse
import pathlib
import random
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "proof"))
import rule_traffic as traffic  # noqa: E402

WORDS = ("the of and network flow packet gateway rule alert state image table user page search login index content script style "
         "button value update client server download article").split()


def page(rng, size):
    out = bytearray(b"<!DOCTYPE html><html><head><title>bench</title></head><body>\n")
    while len(out) < size:
        text = " ".join(rng.choice(WORDS) for _ in range(12))
        out += f'<div class="c{rng.randrange(99)}"><a href="/{rng.choice(WORDS)}/{rng.randrange(10**6)}">{text}</a></div>\n'.encode()
    return bytes(out)


def http(rng, pool, c):
    for _ in range(rng.randrange(1, 6)):
        body = rng.choice(pool)
        uri = f"/{rng.choice(WORDS)}/{rng.choice(WORDS)}.html?id={rng.randrange(10**6)}"
        c.send(0, f"GET {uri} HTTP/1.1\r\nHost: {rng.choice(WORDS)}.example.org\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) bench\r\n"
                  f"Accept: */*\r\nAccept-Encoding: identity\r\n\r\n".encode())
        kind = "text/html" if body[:1] == b"<" else "application/octet-stream"
        c.send(1, f"HTTP/1.1 200 OK\r\nServer: bench\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)


def tls(rng, pool, c):
    c.send(0, traffic.client_hello(f"{rng.choice(WORDS)}{rng.randrange(1000)}.example.net".encode()))
    for _ in range(rng.randrange(4, 30)):
        data = rng.randbytes(rng.randrange(200, 1300))
        c.send(rng.randrange(2), b"\x17\3\3" + struct.pack("!H", len(data)) + data)


def dns(rng, client):
    name = f"{rng.choice(WORDS)}{rng.randrange(10**4)}.example.com".encode()
    body = traffic.dns_message(name)
    server, sport = bytes([192, 0, 2, 53]), rng.randrange(1024, 65535)
    head = struct.pack("!HHHH", sport, 53, 8 + len(body), 0)
    return [traffic.ip_packet(client, server, 17, traffic.transport(client, server, 17, head + body, 6))]


def flow(rng, pool):
    client = bytes([192, 168, rng.randrange(4), rng.randrange(1, 250)])
    kind = rng.random()
    if kind < 0.4:
        return dns(rng, client)
    server = bytes([198, 51, 100, rng.randrange(1, 250)])
    c = traffic.Connection(client, server, rng.randrange(1024, 65535), 80 if kind < 0.8 else 443)
    c.open()
    (http if kind < 0.8 else tls)(rng, pool, c)
    c.close()
    return c.packets


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True)
    parser.add_argument("--size", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    rng = random.Random(args.seed)
    pool = [page(rng, size) for size in (2000, 8000, 30000, 130000)] + [rng.randbytes(50000)]
    left, clock, live = args.size * 1_000_000, 1_700_000_000_000_000, []
    with open(args.out, "wb") as out:
        out.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        while left > 0 or live:
            while left > 0 and len(live) < 64:
                live.append(iter(flow(rng, pool)))
            which = rng.randrange(len(live))
            packet = next(live[which], None)
            if packet is None:
                live.pop(which)
                continue
            clock += rng.randrange(5, 40)
            out.write(struct.pack("<IIII", clock // 1_000_000, clock % 1_000_000, len(packet), len(packet)) + packet)
            left -= len(packet)


if __name__ == "__main__":
    main()
