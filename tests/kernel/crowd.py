#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A client with many addresses; the server is net.py's echo (UDP port 5353). Each SOURCE must be routed to this host (`ip route add local`).

tell ADDRESS TEXT SOURCE...   a datagram from each; prints "SOURCE echo|silent"; exit 1: none was answered, 2: some were
flood ADDRESS N [PORT]        N datagrams from one socket, as fast as they go, each with its number; prints how many came back within PATIENCE
"""
import os, select, socket, sys, time

PATIENCE = float(os.environ.get("PATIENCE", 1))
IP_FREEBIND, IPV6_FREEBIND = 15, 78


def open_socket(address, source=None):
    six = ":" in address
    s = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(*((socket.IPPROTO_IPV6, IPV6_FREEBIND, 1) if six else (socket.IPPROTO_IP, IP_FREEBIND, 1)))
    if source:
        s.bind((source, 0))
    return s


def tell(address, text, *sources):
    waiting, answered = {}, 0
    for source in sources:
        s = open_socket(address, source)
        s.sendto(text.encode(), (address, 5353))
        waiting[s] = source
    end = time.monotonic() + PATIENCE
    while waiting and (left := end - time.monotonic()) > 0:
        for s in select.select(list(waiting), [], [], left)[0]:
            print(waiting.pop(s), "echo" if s.recv(65536) == text.encode() else "changed")
            answered += 1
    for source in waiting.values():
        print(source, "silent")
    sys.exit(0 if not waiting else 2 if answered else 1)


def flood(address, count, port="5353"):
    s = open_socket(address)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    s.connect((address, int(port)))
    for i in range(int(count)):
        try:
            s.send(b"%08d" % i)
        except OSError:
            pass
        if i % 16 == 15:
            time.sleep(0.001)  # neither end's own buffers are to run over
    got, end = 0, time.monotonic() + PATIENCE
    while (left := end - time.monotonic()) > 0:
        s.settimeout(left)
        try:
            s.recv(100)
        except OSError:
            break
        got += 1
    print(got)


{"tell": tell, "flood": flood}[sys.argv[1]](*sys.argv[2:])
