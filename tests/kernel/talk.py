#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Clients of the tests about starts, ends and restarts; the server is net.py's.

talk ADDRESS[:PORT] NAME   one TCP connection (port 7), a numbered line every 10 ms, each awaited; until NAME.end exists. With NAME.evil it says "evil" once.
                           Exit 0: every byte came back; 1: reset or changed; 2: silence (PATIENCE seconds)
sample ADDRESS NAME        every 5 ms a new TCP connection and a datagram, until NAME.end exists; prints how many were answered
many ADDRESS N SHA256      N pages, one a connection, SPREAD at a time; prints how many were as they should be
icmp ADDRESS LENGTH        one echo request with that much data; prints "same"; exit 2: no answer
raw SOCKET TEXT...         sends each TEXT to a Unix socket and prints the line that answers it
"""
import hashlib, os, random, select, socket, struct, sys, threading, time

PATIENCE = float(os.environ.get("PATIENCE", 8))
SPREAD = 8


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def talk(address, name):
    port = 7
    if address.count(":") == 1 or address.startswith("["):
        address, port = address.rsplit(":", 1)
    s = socket.create_connection((address.strip("[]"), int(port)), 5)
    s.settimeout(PATIENCE)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    print("connected", flush=True)
    n, said = 0, False
    while not os.path.exists(name + ".end"):
        line = b"line %d\n" % n
        if not said and os.path.exists(name + ".evil"):
            line, said = b"something evil\n", True
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # not sent again after our end, when nobody guards the line
        s.sendall(line)
        back = b""
        while len(back) < len(line):
            part = s.recv(len(line) - len(back))
            if not part:
                raise ConnectionError("closed")
            back += part
        if back != line:
            raise ConnectionError(f"{line} came back as {back}")
        n += 1
        time.sleep(0.01)
    print(n, "lines")


def sample(address, name):
    u = socket.socket(family(address), socket.SOCK_DGRAM)
    u.connect((address, 5353))
    u.setblocking(False)
    poll, waiting, sent, answered, first = select.poll(), {}, 0, 0, None
    poll.register(u, select.POLLIN)
    print("connected", flush=True)
    while not os.path.exists(name + ".end"):
        t = socket.socket(family(address), socket.SOCK_STREAM)
        t.setblocking(False)
        t.connect_ex((address, 80))
        poll.register(t, select.POLLOUT)
        waiting[t.fileno()] = t
        if len(waiting) > 400:
            old = waiting.pop(next(iter(waiting)))
            poll.unregister(old)
            old.close()
        try:
            u.send(b"%d" % sent)
        except OSError:
            pass
        sent += 2
        end = time.monotonic() + 0.005
        while (left := end - time.monotonic()) > 0:
            for fd, what in poll.poll(left * 1000):
                if fd == u.fileno():
                    try:
                        u.recv(100)
                    except OSError:
                        continue
                else:
                    poll.unregister(fd)
                    s = waiting.pop(fd)
                    good = s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
                    s.close()
                    if not good:
                        continue
                answered += 1
                first = first or time.time()
    print(sent, "sent", answered, "answered" + (f", first at {time.strftime('%H:%M:%S', time.localtime(first))}" if first else ""))
    sys.exit(answered > 0)


def fetch(address):
    with socket.create_connection((address, 80), 5) as s:
        s.settimeout(5)
        s.sendall(b"GET /page HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n")
        data = b""
        while chunk := s.recv(1 << 16):
            data += chunk
    return hashlib.sha256(data.split(b"\r\n\r\n", 1)[1]).hexdigest()


def many(address, count, digest):
    good, lock, left = 0, threading.Lock(), iter(range(int(count)))

    def work():
        nonlocal good
        while True:
            with lock:
                if next(left, None) is None:
                    return
            try:
                same = fetch(address) == digest
            except OSError:
                same = False
            with lock:
                good += same

    threads = [threading.Thread(target=work) for _ in range(SPREAD)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    print(good, "of", count)
    sys.exit(good != int(count))


def checksum(data):
    n = sum(int.from_bytes(data[i:i + 2].ljust(2, b"\0"), "big") for i in range(0, len(data), 2))
    while n >> 16:
        n = (n & 0xFFFF) + (n >> 16)
    return ~n & 0xFFFF


def icmp(address, length):
    six = ":" in address
    s = socket.socket(family(address), socket.SOCK_RAW, socket.IPPROTO_ICMPV6 if six else socket.IPPROTO_ICMP)
    s.settimeout(3)
    body = random.randbytes(4) + random.randbytes(int(length))
    head = bytes([128 if six else 8, 0])
    total = 0 if six else checksum(head + b"\0\0" + body)  # IPv6: the kernel fills it in
    s.sendto(head + total.to_bytes(2, "big") + body, (address, 0))
    end = time.monotonic() + 3
    while time.monotonic() < end:
        data = s.recv(1 << 17)
        if not six:
            data = data[(data[0] & 15) * 4:]
        if data[0] == (129 if six else 0) and data[4:8] == body[:4]:
            print("same" if data[4:] == body else "differs")
            return


def raw(path, *texts):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(20)
    s.connect(path)
    f = s.makefile("rb")
    for text in texts:
        s.sendall(text.encode())
        print(f.readline().decode().rstrip(), flush=True)


try:
    {"talk": talk, "sample": sample, "many": many, "icmp": icmp, "raw": raw}[sys.argv[1]](*sys.argv[2:])
except TimeoutError:
    print("no answer")
    sys.exit(2)
except OSError as e:
    print(e)
    sys.exit(1)
