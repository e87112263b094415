#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Steady traffic for the test of reloads: load.py ADDRESS4 ADDRESS6 FILE SHA256 [pages] until FILE exists.

Fetches pages over both families, each compared with the digest, and sends numbered datagrams of which every echo is awaited, some always under
way; with "pages" no datagrams: they are lost if the queue goes in which they wait. Prints what was sent and what came back; exit 1 if anything was lost
or changed.
"""
import hashlib, os, socket, sys, threading, time

v4, v6, end, digest = sys.argv[1:5]
lock = threading.Lock()
pages = datagrams = echoes = failed = 0


def fetch(address):
    with socket.create_connection((address, 80), 5) as s:
        s.settimeout(5)
        s.sendall(b"GET /page HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n")
        data = b""
        while chunk := s.recv(1 << 16):
            data += chunk
    return hashlib.sha256(data.split(b"\r\n\r\n", 1)[1]).hexdigest() == digest


def web(address):
    global pages, failed
    while not os.path.exists(end):
        try:
            good = fetch(address)
            if not good:
                print(address, "another page", flush=True)
        except OSError as e:
            good = False
            print(address, time.strftime("%H:%M:%S"), repr(e), flush=True)
        with lock:
            pages += 1
            failed += not good


def echo(address):
    global datagrams, echoes
    s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    s.connect((address, 5353))
    s.settimeout(2)
    sent, open_numbers = 0, set()
    while not os.path.exists(end) or open_numbers:
        while len(open_numbers) < 16 and not os.path.exists(end):
            s.send(b"%d" % sent)
            open_numbers.add(sent)
            sent += 1
        try:
            open_numbers.discard(int(s.recv(100)))
        except TimeoutError:
            break
    with lock:
        datagrams += sent
        echoes += sent - len(open_numbers)


threads = [threading.Thread(target=f, args=(a,)) for a in (v4, v6) for f in ((web,) if "pages" in sys.argv[5:] else (web, echo))]
for t in threads:
    t.start()
for t in threads:
    t.join()
print(f"{pages} pages, {failed} not as sent; {datagrams} datagrams, {echoes} echoes")
sys.exit(failed > 0 or datagrams != echoes or pages == 0)
