#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel as the oracle of `sluice ruleset trace`: random rulesets, random packets really sent, each rule and verdict compared.

oracle.py SLUICE [--rulesets N] [--packets N] [--seed N] [--keep FOLDER] [--only N]

A gateway (a network namespace of its own) stands between two veth peers without addresses, into which frames are written raw; what
leaves is read there. Every packet is traced by the kernel (meta nftrace, NFNLGRP_NFTRACE); sluice gets the same packet at the same moment
in words and says what will happen. Compared are: every rule that was taken, with its verdict; ends of chains; policies; marks; the
headers at each chain; and the bytes of the packet that leaves, or that none does."""
import argparse, collections, ctypes, json, os, random, select, socket, struct, subprocess, sys, tempfile, time

from generate import Generator

libc = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000
NFNLGRP_NFTRACE = 9
VERDICTS = {0: "drop", 1: "accept", 2: "stolen", 3: "queue", -1: "continue", -3: "jump", -4: "goto", -5: "return"}
FAMILIES = {1: "inet", 2: "ip", 3: "arp", 5: "netdev", 7: "bridge", 10: "ip6"}
MARK = 0x80000000
MACS = {"eth0": bytes.fromhex("020000000001"), "eth1": bytes.fromhex("020000000002")}
PEERS = {"eth0": bytes.fromhex("0200000000c0"), "eth1": bytes.fromhex("0200000000c1")}


def check(code):
    if code:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def new_namespace():
    check(libc.unshare(CLONE_NEWNET))
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY)


def enter(fd):
    check(libc.setns(fd, CLONE_NEWNET))


def run(*words):
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)


def write(path, value):
    with open("/proc/sys/net/" + path, "w") as f:
        f.write(value)


class Network:
    """The gateway G (in which this process stays) and the outside O with the peers c0 and c1."""

    def __init__(self):
        self.gateway = new_namespace()
        self.outside = new_namespace()
        for i in (0, 1):
            run("ip", "link", "add", f"c{i}", "address", PEERS[f"eth{i}"].hex(":"), "type", "veth", "peer", "name", f"eth{i}",
                "address", MACS[f"eth{i}"].hex(":"), "netns", f"/proc/{os.getpid()}/fd/{self.gateway}")
        write("ipv6/conf/all/disable_ipv6", "1")
        for i in (0, 1):
            run("ip", "link", "set", f"c{i}", "up")
        self.peer = {}
        for i in (0, 1):
            s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
            s.bind((f"c{i}", 3))
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            s.setblocking(False)
            self.peer[f"eth{i}"] = s
        enter(self.gateway)
        self.settings()
        self.trace = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)
        try:
            self.trace.setsockopt(socket.SOL_SOCKET, 33, 8 << 20)  # SO_RCVBUFFORCE
        except OSError:  # not in a user namespace; one packet's messages fit anyway
            pass
        self.trace.bind((0, 0))
        self.trace.setsockopt(270, 1, NFNLGRP_NFTRACE)  # SOL_NETLINK, NETLINK_ADD_MEMBERSHIP
        self.trace.setblocking(False)
        self.raw4 = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        self.raw6 = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW)
        self.raw6.setsockopt(41, 36, 1)  # IPV6_HDRINCL

    def settings(self):
        write("ipv4/ip_forward", "1")
        for what in ("all", "default", "eth0", "eth1"):
            write(f"ipv4/conf/{what}/rp_filter", "0")
            write(f"ipv6/conf/{what}/forwarding", "1")
            write(f"ipv6/conf/{what}/accept_ra", "0")
        write("ipv6/conf/eth0/addr_gen_mode", "1")
        write("ipv6/conf/eth1/addr_gen_mode", "1")
        write("ipv4/conf/all/log_martians", "0")
        run("ip", "link", "set", "lo", "up")
        for i, group in ((0, 5), (1, 7)):
            run("ip", "link", "set", f"eth{i}", "up", "group", str(group))
            run("ip", "addr", "add", f"10.0.{i}.1/24", "dev", f"eth{i}")
            run("ip", "-6", "addr", "add", f"2001:db8:{i}::1/64", "dev", f"eth{i}", "nodad")
            for host in list(range(2, 10)) + [254]:
                for address in (f"10.0.{i}.{host}", f"2001:db8:{i}::{host:x}"):
                    run("ip", "neigh", "add", address, "lladdr", PEERS[f"eth{i}"].hex(":"), "dev", f"eth{i}", "nud", "permanent")
        run("ip", "route", "add", "default", "via", "10.0.1.254")
        run("ip", "-6", "route", "add", "default", "via", "2001:db8:1::fe")
        time.sleep(1)  # devices report their carrier a moment later, and routes with it

    def send(self, packet):
        if packet.device:
            self.peer[packet.device].send(MACS[packet.device] + PEERS[packet.device] + packet.ether_type + packet.ip)
            return
        s = self.raw4 if packet.version == 4 else self.raw6
        s.setsockopt(socket.SOL_SOCKET, 36, struct.pack("=I", packet.mark | MARK))  # SO_MARK
        try:
            s.sendto(packet.ip, (packet.destination, 0))
        except OSError:  # dropped on its way: EPERM
            pass

    def forget(self):
        """All connections: ctnetlink's delete without a tuple."""
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12) as s:
            s.send(struct.pack("=IHHIIBBH", 20, 1 << 8 | 2, 5, 1, 0, 0, 0, 0))
            s.recv(4096)

    def frames(self):
        """What left since the last call: {device: [ip packets]}."""
        out = {}
        for device, s in self.peer.items():
            while True:
                try:
                    data, address = s.recvfrom(65536)
                except BlockingIOError:
                    break
                if address[2] != 4:  # not our own writing
                    out.setdefault(device, []).append(data[14:])
        return out

    def messages(self):
        out = []
        while True:
            try:
                data = self.trace.recv(1 << 16)
            except BlockingIOError:
                return out
            at = 0
            while at + 16 <= len(data):
                length = struct.unpack_from("=I", data, at)[0]
                out.append(read_message(data[at + 16:at + length]))
                at += (length + 3) & ~3


def attributes(data):
    out, at = {}, 0
    while at + 4 <= len(data):
        length, kind = struct.unpack_from("=HH", data, at)
        out[kind & 0x3FFF] = data[at + 4:at + length]
        at += max(4, (length + 3) & ~3)
    return out


def text(b):
    return b.rstrip(b"\0").decode()


def read_message(data):
    a = attributes(data[4:])
    m = {"family": FAMILIES[data[0]], "table": text(a[1]), "chain": text(a[2]), "kind": struct.unpack(">I", a[4])[0], "mark": 0}
    if 14 in a:
        m["mark"] = struct.unpack(">I", a[14])[0]
    if 3 in a:
        m["handle"] = struct.unpack(">Q", a[3])[0]
    if 5 in a:
        v = attributes(a[5])
        m["verdict"] = VERDICTS[struct.unpack(">i", v[1])[0]]
        m["target"] = text(v[2]) if 2 in v else ""
    if 16 in a:
        m["verdict"] = VERDICTS[struct.unpack(">I", a[16])[0]]
    m["network"], m["transport"] = a.get(8), a.get(9)
    return m


def from_kernel(messages):
    """(kind, family, table, chain, handle, verdict, target, mark); headers beside."""
    out, headers = [], []
    for m in messages:
        if m["table"] == "oracle":
            continue
        kind = "policy" if m["kind"] == 1 else "rule" if "handle" in m else "return"
        out.append((kind, m["family"], m["table"], m["chain"], m.get("handle", 0), m["verdict"] if kind != "return" else "", m.get("target", ""), m["mark"]))
        if m["network"]:
            headers.append((len(out) - 1, m["network"], m["transport"] or b""))
    return out, headers


def from_sluice(answer):
    out, packets = [], []
    at_packet = None
    for e in answer["trace"]:
        if e.get("table") == "oracle":
            continue
        if e["event"] == "packet":
            at_packet = bytes.fromhex(e["packet"])
        elif e["event"] in ("rule", "return", "policy"):
            at_packet = bytes.fromhex(e["packet"]) if "packet" in e else at_packet
            out.append((e["event"], e["family"], e["table"], e["chain"], e.get("handle", 0) if e["event"] == "rule" else 0,
                        e.get("verdict", "") if e["event"] != "return" else "", e.get("target", ""), e.get("mark", 0)))
            packets.append(at_packet)
    return out, packets


class Trial:
    """One ruleset: loaded, read by sluice, then packet after packet."""

    def __init__(self, network, sluice, number, seed, folder):
        self.network, self.number = network, number
        self.generator = Generator(random.Random(seed * 100003 + number))
        self.file = os.path.join(folder, f"{number}.nft")
        write("netfilter/nf_conntrack_acct", "0")
        self.dropped = self.load()
        network.forget()
        network.messages(), network.frames()
        self.sluice = subprocess.Popen([sluice, "ruleset", "trace", "--packets", "-", "--json"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                       bufsize=1)
        self.begun = None
        self.hits = collections.Counter()
        self.same = True  # after a difference the states differ too

    def load(self):
        """Rules that this kernel or this nft refuses are left out, one by one."""
        lines = self.generator.ruleset()
        dropped = 0
        while True:
            with open(self.file, "w") as f:
                f.write("flush ruleset\n" + "\n".join(lines) + "\n")
            p = subprocess.run(["nft", "-f", self.file], capture_output=True, text=True)
            if p.returncode == 0:
                break
            place = p.stderr.split(":")
            bad = [int(w) for w in place[1:2] if w.isdigit()]
            if not bad or dropped > 100 or not lines[bad[0] - 2].startswith("\t\t"):
                raise SystemExit(f"{self.file}: {p.stderr}")
            if os.environ.get("VERBOSE"):
                print("refused:", lines[bad[0] - 2].strip(), "|", p.stderr.splitlines()[0], file=sys.stderr)
            del lines[bad[0] - 2]
            dropped += 1
        return dropped

    def ask(self, packet):
        now = time.time()
        self.begun = self.begun or now
        if packet.device:
            frame = MACS[packet.device] + PEERS[packet.device] + packet.ether_type + packet.ip
            line = f"frame {frame.hex()}, iif {packet.device}"
        else:
            line = f"raw {packet.ip.hex()}, local, skuid 0, skgid 0, mark {packet.mark | MARK}"
        self.sluice.stdin.write(f"{line}, at {now - self.begun:.6f}\n")
        answer = self.sluice.stdout.readline()
        if os.environ.get("VERBOSE"):
            print(line, answer, file=sys.stderr)
        if not answer:
            raise SystemExit(f"{self.file}: sluice ended")
        return json.loads(answer)

    def packet(self, packet):
        """None, or what differs."""
        answer = self.ask(packet)
        self.network.send(packet)
        messages = self.network.messages()
        frames = self.network.frames()
        predicted, at_packets = from_sluice(answer)
        for _ in range(20):
            real, headers = from_kernel(messages)
            if len(real) >= len(predicted) and (answer["fate"] not in ("forwarded", "sent") or frames):
                break
            time.sleep(0.002)
            messages += self.network.messages()
            for device, more in self.network.frames().items():
                frames.setdefault(device, []).extend(more)
        self.generator.saw(packet, frames)
        for kind, family, table, chain, handle, *_ in real:
            if kind == "rule":
                self.hits[family, table, chain, handle] += 1
        if any("by chance" in e.get("text", "") for e in answer["trace"]):
            self.same = False  # the kernel's own random number: what follows cannot be compared
            return None
        why = self.compare(answer, predicted, at_packets, real, headers, frames)
        self.same = not why
        return why

    def compare(self, answer, predicted, at_packets, real, headers, frames):
        if any(e["event"] == "unknown" for e in answer["trace"]):
            return "unknown: " + str([e.get("text") for e in answer["trace"] if e["event"] == "unknown"])
        for i, (p, r) in enumerate(zip(predicted, real)):
            if p != r:
                return f"event {i}: sluice {p}, kernel {r}"
        if len(predicted) != len(real):
            longer, who = (predicted, "sluice") if len(predicted) > len(real) else (real, "kernel")
            return f"only {who}: {longer[min(len(predicted), len(real))]}; sluice: {answer['fate']} {answer['trace'][-1]}"
        for i, network, transport in headers:
            ip = at_packets[i]
            if not ip or ip[:len(network)] != network or transport not in ip:
                return f"headers at event {i}: sluice {ip and ip.hex()}, kernel {network.hex()} {transport.hex()}"
        left = [(d, f) for d, list_ in frames.items() for f in list_]
        expected = [(answer["out"], bytes.fromhex(answer["packet"]))] if answer["fate"] in ("forwarded", "sent") and answer.get("out") in PEERS else []
        if [d for d, _ in left] != [d for d, _ in expected]:
            return f"left by {[d for d, _ in left]}, sluice: {answer['fate']} {answer.get('out')} {answer['trace'][-1]}"
        for (_, f), (_, e) in zip(left, expected):
            if f[:len(e)] != e:
                return f"bytes: sluice {e.hex()}, kernel {f.hex()}"
        return None

    def close(self):
        self.sluice.stdin.close()
        self.sluice.wait()


def main():
    a = argparse.ArgumentParser()
    a.add_argument("sluice")
    a.add_argument("--rulesets", type=int, default=200)
    a.add_argument("--packets", type=int, default=50)
    a.add_argument("--seed", type=int, default=1)
    a.add_argument("--only", type=int)
    a.add_argument("--keep")
    o = a.parse_args()
    sluice = os.path.abspath(o.sluice)
    try:
        network = Network()
    except (OSError, subprocess.CalledProcessError) as e:
        print(f"skip oracle: no network namespaces here: {e}")
        return 0
    folder = o.keep or tempfile.mkdtemp()
    packets = differing = refused = 0
    hits = collections.Counter()
    begun = time.time()
    for number in [o.only] if o.only is not None else range(o.rulesets):
        trial = Trial(network, sluice, number, o.seed, folder)
        refused += trial.dropped
        handles = comments()
        for i in range(o.packets):
            packet = trial.generator.packet()
            why = trial.packet(packet)
            packets += 1
            if why:
                differing += 1
                print(f"differs: ruleset {number} packet {i} ({packet}): {why}", flush=True)
            if not trial.same:
                break
        trial.close()
        for key, n in trial.hits.items():
            for word in handles.get(key, "").split("; "):
                hits[word] += n
    if not o.keep:
        subprocess.run(["rm", "-rf", folder])
    print(f"{packets} packets through {1 if o.only is not None else o.rulesets} rulesets in {time.time() - begun:.0f} s: {differing} differ; "
          f"{refused} rules were refused by nft or the kernel")
    hits.pop("", None)
    print(f"{len(hits)} kinds of words in rules that were taken: " + ", ".join(f"{w} {n}" for w, n in sorted(hits.items())))
    return 1 if differing else 0


def comments():
    """What each rule is made of: its comment, by family, table, chain and handle."""
    out, table, chain = {}, ("", ""), ""
    for line in subprocess.run(["nft", "-a", "list", "ruleset"], capture_output=True, text=True).stdout.splitlines():
        words = line.split()
        if words[:1] == ["table"]:
            table = (words[1], words[2])
        elif words[:1] == ["chain"]:
            chain = words[1]
        elif ' comment "' in line and "# handle" in line:
            out[table + (chain, int(words[-1]))] = line.split(' comment "')[1].split('"')[0]
    return out


if __name__ == "__main__":
    sys.exit(main())
