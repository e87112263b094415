#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Both ends of a line: what was sent, what arrived and who each end believes the other to be. Contents are random, compared by digest.

serve [PORT [ADDRESS...]]   TCP and UDP echo (port 7), and a look at echo requests; says "tcp|udp|icmp PEER LENGTH DIGEST" of what came,
                            "evil PROTO PEER" of an attack, "reset PEER", "unreachable PEER BY"
ask                         steps from standard input, all at the same time: NAME PROTO ADDRESS PORT LENGTH [PLACE [after]]. PROTO is tcp, udp, icmp, or
                            pieces: UDP in small fragments, the last first. The attack stands at PLACE ("-": none); after: a harmless datagram goes before it
                            on the same socket. Says "NAME same|differs|silent|refused|reset DIGEST", and who refused
many ADDRESS PORT... N      N connections, SPREAD at a time, each with random bytes both ways; every 500th also with the attack. Exit 1: one was not as it should
serve-many PORT...          for that
pairs ADDRESS N             N times two questions of DNS, A and AAAA, back to back from one new port; exit 1: an answer was lost or out of order
serve-names                 for that
send ADDRESS PORT N         N datagrams, one after the other, each awaited
"""
import hashlib, os, random, socket, struct, sys, threading, time

ATTACK = b"evil-thing"
PATIENCE, SILENCE = float(os.environ.get("PATIENCE", 20)), float(os.environ.get("SILENCE", 3))  # for what is to be answered, and for what is not
SPREAD = 32
IP_RECVERR, IPV6_RECVERR = 11, 25


def say(*words):
    sys.stdout.write(" ".join(str(w) for w in words) + "\n")
    sys.stdout.flush()


def digest(data):
    return hashlib.sha256(data).hexdigest()[:32]


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def open_socket(fam, kind, proto=0):
    s = socket.socket(fam, kind, proto)
    if fam == socket.AF_INET6 and kind != socket.SOCK_RAW:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    if kind != socket.SOCK_STREAM:
        s.setsockopt(*((socket.IPPROTO_IPV6, IPV6_RECVERR, 1) if fam == socket.AF_INET6 else (socket.IPPROTO_IP, IP_RECVERR, 1)))
    return s


def refusal(s):
    """From a socket's queue of errors: whom the datagram was for, and who sent the error."""
    _, extra, _, whom = s.recvmsg(2048, 512, socket.MSG_ERRQUEUE | socket.MSG_DONTWAIT)
    for level, kind, data in extra:
        if kind in (IP_RECVERR, IPV6_RECVERR):
            by = data[16:]
            six = struct.unpack_from("=H", by)[0] == socket.AF_INET6
            return whom[0], socket.inet_ntop(socket.AF_INET6, by[8:24]) if six else socket.inet_ntop(socket.AF_INET, by[4:8])
    return whom[0], "nobody"


# ---- the server ----


def note(proto, peer, data):
    say(proto, peer[0], len(data), digest(data))
    if ATTACK in data:
        say("evil", proto, peer[0])


def echo_tcp(s, peer):
    data = b""
    try:
        while chunk := s.recv(1 << 16):
            data += chunk
            if ATTACK in data[-len(chunk) - len(ATTACK):] or b"something evil" in chunk:
                say("evil", "tcp", peer[0])
            s.sendall(chunk)
        say("tcp", peer[0], len(data), digest(data))
        s.close()
    except ConnectionError:
        say("reset", peer[0])


def accept_tcp(s):
    while True:
        threading.Thread(target=echo_tcp, args=s.accept(), daemon=True).start()


def echo_udp(s):
    while True:
        try:
            data, peer = s.recvfrom(1 << 17)
            note("udp", peer, data)
            s.sendto(data, peer)
        except OSError:
            try:
                say("unreachable", *refusal(s))
            except BlockingIOError:
                pass


def look_icmp(s, fam):
    while True:
        try:
            data, peer = s.recvfrom(1 << 17)
        except OSError:
            continue
        if fam == socket.AF_INET:
            data = data[(data[0] & 15) * 4:]
        if data[0] == (8 if fam == socket.AF_INET else 128):
            note("icmp", peer, data[8:])


def serve(port="7", *addresses):
    for address in addresses or ("0.0.0.0", "::"):
        fam = family(address)
        t, u = open_socket(fam, socket.SOCK_STREAM), open_socket(fam, socket.SOCK_DGRAM)
        t.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for s in (t, u):
            s.bind((address, int(port)))
        t.listen(64)
        i = socket.socket(fam, socket.SOCK_RAW, socket.IPPROTO_ICMP if fam == socket.AF_INET else socket.IPPROTO_ICMPV6)
        for work in ((accept_tcp, t), (echo_udp, u), (look_icmp, i, fam)):
            threading.Thread(target=work[0], args=work[1:], daemon=True).start()
    say("listening")
    threading.Event().wait()


# ---- the client ----


def make(length, place):
    data = bytearray(random.randbytes(length))
    if place is not None:
        data[place:place + len(ATTACK)] = ATTACK
    return bytes(data)


def ask_tcp(address, port, data, limit, after):
    s = socket.create_connection((address, port), limit)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # the attack is not sent again after our end, when nobody looks

    def send():
        try:
            s.sendall(data)
            s.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # said by recv

    threading.Thread(target=send, daemon=True).start()
    back = b""
    while chunk := s.recv(1 << 16):
        back += chunk
    return back


def ask_udp(address, port, data, limit, after):
    s = open_socket(family(address), socket.SOCK_DGRAM)
    s.settimeout(limit)
    s.connect((address, port))
    if after:
        s.send(b"harmless")
        s.recv(100)
    s.send(data)
    try:
        return s.recv(1 << 17)
    except ConnectionRefusedError:
        raise ConnectionRefusedError(refusal(s)[1]) from None


def checksum(data):
    n = sum(struct.unpack(f"!{len(data) // 2}H", data[:len(data) & ~1])) + (data[-1] << 8 if len(data) & 1 else 0)
    while n >> 16:
        n = (n & 0xFFFF) + (n >> 16)
    return ~n & 0xFFFF


def ask_icmp(address, port, data, limit, after):
    six = ":" in address
    s = open_socket(family(address), socket.SOCK_RAW, socket.IPPROTO_ICMPV6 if six else socket.IPPROTO_ICMP)
    s.settimeout(limit)
    s.connect((address, 0))
    head, ours = bytes([128 if six else 8, 0]), random.randbytes(4)
    total = 0 if six else checksum(head + b"\0\0" + ours + data)  # IPv6: the kernel fills it in
    s.send(head + total.to_bytes(2, "big") + ours + data)
    end = time.monotonic() + limit
    while time.monotonic() < end:
        try:
            back = s.recv(1 << 17)
        except TimeoutError:
            raise
        except OSError:
            raise ConnectionRefusedError(refusal(s)[1]) from None
        if not six:
            back = back[(back[0] & 15) * 4:]
        if back[0] == (129 if six else 0) and back[4:8] == ours:
            return back[8:]
    raise TimeoutError


def ask_pieces(address, port, data, limit, after):
    six, size = ":" in address, 64
    u = open_socket(family(address), socket.SOCK_DGRAM)
    u.settimeout(limit)
    u.connect((address, port))
    ends = [socket.inet_pton(family(address), a) for a in (u.getsockname()[0], address)]
    head = struct.pack("!4H", u.getsockname()[1], port, 8 + len(data), 0)
    total = checksum(b"".join(ends) + struct.pack("!HH", 17, 8 + len(data)) + head + data) or 0xFFFF
    datagram, number = head[:6] + total.to_bytes(2, "big") + data, random.getrandbits(16)
    s = socket.socket(family(address), socket.SOCK_RAW, socket.IPPROTO_RAW)
    for at in reversed(range(0, len(datagram), size)):
        piece, more = datagram[at:at + size], at + size < len(datagram)
        if six:
            ip = struct.pack("!IHBB", 6 << 28, 8 + len(piece), 44, 64) + b"".join(ends) + struct.pack("!BBHI", 17, 0, at | more, number)
        else:
            ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(piece), number, at // 8 | more << 13, 64, 17, 0) + b"".join(ends)
        s.sendto(ip + piece, (address, 0))
    return u.recv(1 << 17)


def step(name, proto, address, port, length, place="-", after=""):
    place = None if place == "-" else int(place)
    data = make(int(length), place)
    try:
        back = {"tcp": ask_tcp, "udp": ask_udp, "icmp": ask_icmp, "pieces": ask_pieces}[proto](
            address, int(port), data, PATIENCE if place is None else SILENCE, after)
        say(name, "same" if back == data else "differs", digest(data))
    except TimeoutError:
        say(name, "silent", digest(data))
    except ConnectionRefusedError as e:
        say(name, "refused", digest(data), "by", e)
    except ConnectionResetError:
        say(name, "reset", digest(data))
    except OSError as e:
        say(name, "failed", digest(data), e)


def ask():
    threads = [threading.Thread(target=step, args=line.split()) for line in sys.stdin if line.strip()]
    for t in threads:
        t.start()
    for t in threads:
        t.join()


# ---- many connections: the client sends its bytes, the server answers with its own and with the digests of both ----


def take(s, length):
    data = bytearray()
    while len(data) < length:
        chunk = s.recv(length - len(data))
        if not chunk:
            raise ConnectionError("ended early")
        data += chunk
    return bytes(data)


def some_bytes():
    return random.randbytes(int(random.paretovariate(0.9) * 200) % 30000 + 1)


def serve_one(listener):
    while True:
        s, peer = listener.accept()
        try:
            s.settimeout(PATIENCE)
            theirs = take(s, struct.unpack("!I", take(s, 4))[0])
            if ATTACK in theirs:
                say("evil", "tcp", peer[0])
            ours = some_bytes()
            s.sendall(struct.pack("!I", len(ours)) + ours + hashlib.sha256(theirs).digest() + hashlib.sha256(ours).digest())
            s.recv(1)  # the client ends it
        except OSError:
            pass
        s.close()


def serve_many(*ports):
    for port in ports:
        s = socket.create_server(("::", int(port)), family=socket.AF_INET6, backlog=1024, dualstack_ipv6=True)
        for _ in range(2 * SPREAD):
            threading.Thread(target=serve_one, args=(s,), daemon=True).start()
    say("listening")
    threading.Event().wait()


def exchange(address, port, attack):
    with socket.create_connection((address, port), PATIENCE) as s:
        s.settimeout(SILENCE if attack else PATIENCE)
        ours = some_bytes() + (ATTACK if attack else b"")
        s.sendall(struct.pack("!I", len(ours)) + ours)
        theirs = take(s, struct.unpack("!I", take(s, 4))[0])
        return take(s, 64) == hashlib.sha256(ours).digest() + hashlib.sha256(theirs).digest()


def many(*where):
    count, ends = int(where[-1]), [(where[i], int(where[i + 1])) for i in range(0, len(where) - 1, 2)]
    left, lock = iter(range(count + count // 500 + 1)), threading.Lock()
    good, lost, stopped, passed = 0, [], 0, 0

    def work():
        nonlocal good, stopped, passed
        while True:
            with lock:
                n = next(left, None)
            if n is None:
                return
            attack, why = n % 501 == 0, "bytes differ"
            try:
                same = exchange(*ends[n % len(ends)], attack)
            except OSError as e:
                same, why = False, repr(e)
            with lock:
                stopped, passed = stopped + (attack and not same), passed + (attack and same)
                good += same and not attack
                if not same and not attack:
                    lost.append(f"{ends[n % len(ends)]}: {why}")

    threads, begin = [threading.Thread(target=work) for _ in range(SPREAD)], time.monotonic()
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    print(*lost[:5], sep="\n")
    print(f"{good} of {count} connections as they should, {len(lost)} lost; {stopped} attacks stopped, {passed} not; {time.monotonic() - begin:.0f} s")
    sys.exit(bool(lost or passed or good != count))


# ---- the two questions of a resolver ----

A, AAAA = 1, 28


def question(number, name, kind):
    labels = b"".join(bytes([len(part)]) + part for part in name.encode().split(b"."))
    return struct.pack("!6H", number, 0x100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!2H", kind, 1)


def answer(query):
    kind = struct.unpack("!H", query[-4:-2])[0]
    record = bytes(4) if kind == A else bytes(16)
    return query[:2] + struct.pack("!5H", 0x8180, 1, 1, 0, 0) + query[12:] + struct.pack("!3HIH", 0xC00C, kind, 1, 60, len(record)) + record


def answer_names(s):
    while True:
        data, peer = s.recvfrom(1500)
        s.sendto(answer(data), peer)


def serve_names():
    for fam in (socket.AF_INET, socket.AF_INET6):
        s = open_socket(fam, socket.SOCK_DGRAM)
        s.bind(("", 53))
        threading.Thread(target=answer_names, args=(s,), daemon=True).start()
    say("listening")
    threading.Event().wait()


def pairs(address, count):
    good, slowest = 0, 0.0
    for n in range(int(count)):
        with socket.socket(family(address), socket.SOCK_DGRAM) as s:
            s.settimeout(PATIENCE)
            s.connect((address, 53))
            asked = [question(2 * n + i, f"host{n}.example", kind) for i, kind in enumerate((A, AAAA))]
            begin = time.monotonic()
            for q in asked:
                s.send(q)
            try:
                good += [s.recv(1500) for _ in asked] == [answer(q) for q in asked]
            except OSError:
                pass
            slowest = max(slowest, time.monotonic() - begin)
    print(f"{good} of {count} pairs answered in order, the slowest in {slowest * 1000:.0f} ms")
    sys.exit(good != int(count))


def send(address, port, count):
    with socket.socket(family(address), socket.SOCK_DGRAM) as s:
        s.settimeout(PATIENCE)
        s.connect((address, int(port)))
        for n in range(int(count)):
            s.send(b"%d" % n)
            if s.recv(100) != b"%d" % n:
                sys.exit(1)


{"pairs": pairs, "serve-names": serve_names, "send": send, "serve": serve, "ask": ask, "many": many, "serve-many": serve_many}[sys.argv[1]](*sys.argv[2:])
