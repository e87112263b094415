#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Proof that rules said to be evaluated are: traffic made from a rule's own contents raises its sid, and
does not once one content is changed.

usage: rule_traffic.py [--count N] [--seed S] --sluice PROGRAM RULES...

Rules are drawn by a seed from those whose conditions this script can satisfy: contents in the buffers of
BUFFERS with their modifiers, bsize, dsize, isdataat, urilen, flow. What it cannot build (pcre, byte_test,
flowbits:isset, thresholds that count ...) is not drawn; how many rules are left is printed. For each rule two
captures are written, one as the rule wants it and one with a byte of one content changed.

This script has its own reading of the rule language and shares no code with the program under test.
Prints a line for each rule that behaves otherwise, and at the end 'N of M'. Exit status 0 when all do.
"""
import argparse
import json
import pathlib
import random
import re
import struct
import subprocess
import sys
import tempfile

HTTP_REQUEST = ("http.method http.uri http.uri.raw http.user_agent http.host http.cookie http.referer http.content_type http.accept "
                "http.accept_enc http.accept_lang http.connection http.header http.request_body http.protocol").split()
HTTP_RESPONSE = "http.stat_code http.stat_msg http.response_body file.data http.server http.location http.header http.content_type http.cookie".split()
LEGACY = {"http_uri": "http.uri", "http_raw_uri": "http.uri.raw", "http_method": "http.method", "http_user_agent": "http.user_agent",
          "http_host": "http.host", "http_cookie": "http.cookie", "http_header": "http.header", "http_client_body": "http.request_body",
          "http_stat_code": "http.stat_code"}
ALIASES = {"file_data": "file.data", "dns_query": "dns.query", "tls_sni": "tls.sni"}
META = {"msg", "classtype", "sid", "rev", "metadata", "reference", "target", "gid", "priority", "fast_pattern", "noalert"}
MODIFIERS = {"nocase", "depth", "offset", "distance", "within", "startswith", "endswith", "rawbytes"}


class Cannot(Exception):
    """This script cannot build traffic for the rule."""


class Content:
    def __init__(self, data, negated):
        self.data, self.negated, self.mods, self.at = data, negated, {}, None

    def relative(self):
        return "distance" in self.mods or "within" in self.mods


def split_options(text):
    """name, value pairs of a rule's body; ';' behind '\\' does not end one (within quotes it must stand there, and a quote may be in a pcre)."""
    out, item, escaped = [], "", False
    for char in text:
        if escaped:
            item, escaped = item + char, False
            continue
        if char == "\\":
            item, escaped = item + char, True
            continue
        if char == ";":
            name, _, value = item.strip().partition(":")
            out.append((name.strip(), value.strip()))
            item = ""
        else:
            item += char
    return out


def content_bytes(value):
    negated = value.startswith("!")
    text = value.lstrip("!").strip()
    if not (text.startswith('"') and text.endswith('"')):
        raise Cannot("content")
    out, rest, in_hex = bytearray(), text[1:-1], False
    i = 0
    while i < len(rest):
        char = rest[i]
        if char == "|":
            in_hex = not in_hex
        elif in_hex:
            if char != " ":
                out.append(int(rest[i:i + 2], 16))
                i += 1
        elif char == "\\":
            i += 1
            out += rest[i].encode("latin-1")
        else:
            out += char.encode("latin-1", "replace")
        i += 1
    return bytes(out), negated


class Rule:
    HEADER = re.compile(r"alert\s+(\S+)\s+(\S+|\[[^\]]*\])\s+(\S+|\[[^\]]*\])\s+(->|<>)\s+(\S+|\[[^\]]*\])\s+(\S+|\[[^\]]*\])\s+\((.*)\)\s*$")

    def __init__(self, line):
        found = self.HEADER.match(line)
        if not found:
            raise Cannot("header")
        self.text = line
        (self.proto, self.src, self.sport, _, self.dst, self.dport, body) = found.groups()
        self.buffers, self.sizes, self.tail, self.flow = {}, {}, {}, set()
        self.dsize = None
        self.sid = 0
        buffer, last = "payload", None
        for name, value in split_options(body):
            buffer, last = self.option(name, value, buffer, last)

    def option(self, name, value, buffer, last):
        name = ALIASES.get(name, name)
        if name == "sid":
            self.sid = int(value)
        elif name == "flow":
            self.flow = {word.strip() for word in value.split(",")}
        elif name in META:
            pass
        elif name == "content":
            last = Content(*content_bytes(value))
            self.buffers.setdefault(buffer, []).append(last)
        elif name in MODIFIERS and last:
            last.mods[name] = 0 if name in ("nocase", "startswith", "endswith", "rawbytes") else self.number(value)
        elif name in LEGACY and last:
            self.buffers[buffer].remove(last)
            self.buffers.setdefault(LEGACY[name], []).append(last)
        elif name in HTTP_REQUEST or name in HTTP_RESPONSE or name in ("dns.query", "tls.sni"):
            buffer, last = name, None
            self.buffers.setdefault(buffer, [])
        elif name == "pkt_data":
            buffer, last = "payload", None
        elif name == "bsize" and value.isdigit():
            self.sizes[buffer] = int(value)
        elif name == "urilen" and value.isdigit():
            self.sizes["http.uri"] = int(value)
        elif name == "dsize" and value.isdigit():
            self.dsize = int(value)
        elif name == "isdataat" and last:
            found = re.fullmatch(r"(!?)(\d+),\s*relative", value)
            if not found or (found[1] and found[2] != "1"):
                raise Cannot("isdataat")
            self.tail.setdefault(buffer, []).append((last, bool(found[1]), int(found[2])))
        elif name == "flowbits" and value.split(",")[0].strip() in ("set", "noalert"):
            if "noalert" in value:
                raise Cannot("noalert")
        elif name == "threshold" and re.search(r"type\s+limit", value):
            pass
        else:
            raise Cannot(name)
        return buffer, last

    @staticmethod
    def number(value):
        try:
            return int(value)
        except ValueError:
            raise Cannot("a variable as number") from None


def find(data, content, start=0):
    if "nocase" in content.mods:
        return data.lower().find(content.data.lower(), start)
    return data.find(content.data, start)


def fits(data, spot, content):
    return all(i >= len(data) or data[i] is None or data[i] == byte for i, byte in enumerate(content.data, spot))


def put(data, spot, content):
    data.extend([None] * (spot + len(content.data) - len(data)))
    for i, byte in enumerate(content.data, spot):
        data[i] = byte
    content.at = spot


def assemble(rule, name, filler):
    """The bytes of a buffer that satisfy the rule's conditions on it."""
    data, end = [], 0
    contents = [c for c in rule.buffers[name] if not c.negated]
    last = contents[-1] if contents else None
    for content in contents:
        mods = content.mods
        if content.relative():
            low = end + mods.get("distance", 0)
            high = end + mods["within"] - len(content.data) if "within" in mods else low + 4096
        else:
            low = mods.get("offset", 0)
            high = low + mods["depth"] - len(content.data) if "depth" in mods else 1 << 20
            if "startswith" in mods:
                high = low = 0
        if low < 0:
            low = 0
        size = rule.sizes.get(name)
        if "endswith" in mods and size is not None:
            low = high = size - len(content.data)
        elif "endswith" in mods and content is last and high > len(data):
            low = max(low, len(data))
        elif not content.relative() and "depth" not in mods and "startswith" not in mods and "offset" not in mods and name != "http.host":
            low = max(low, len(data))       # free: behind what is there
        spot = next((i for i in range(low, min(high, low + 4096) + 1) if fits(data, i, content)), None)
        if spot is None:
            raise Cannot("no place for a content")
        put(data, spot, content)
        end = spot + len(content.data)
    for content, absent, count in rule.tail.get(name, []):
        if content.negated or content.at is None:
            raise Cannot("isdataat")
        stop = content.at + len(content.data)
        if absent and len(data) > stop:
            raise Cannot("isdataat")
        if not absent:
            data.extend([None] * (stop + count + 1 - len(data)))
    if name in rule.sizes:
        if len(data) > rule.sizes[name]:
            raise Cannot("bsize")
        if any("endswith" in c.mods for c in contents) and len(data) < rule.sizes[name]:
            raise Cannot("bsize")
        data.extend([None] * (rule.sizes[name] - len(data)))
    out = bytes(filler if byte is None else byte for byte in data)
    for content in rule.buffers[name]:
        if content.negated and find(out, content) >= 0:
            raise Cannot("a negated content is there")
        if "endswith" in content.mods and not content.negated and not out.endswith(out[content.at:content.at + len(content.data)]):
            raise Cannot("endswith")
    return out


def changed(rule, name, data, rng):
    """The same with one byte of one content changed, so that the content is nowhere in the buffer."""
    choices = [c for c in rule.buffers[name] if not c.negated]
    rng.shuffle(choices)
    for content in choices:
        for i in rng.sample(range(len(content.data)), len(content.data)):
            old = content.data[i]
            if not chr(old).isalnum() and name != "payload":
                continue
            for new in (0x7a, 0x71, 0x37):
                if chr(new).lower() == chr(old).lower():
                    continue
                spot = content.at + i
                other = data[:spot] + bytes([new]) + data[spot + 1:]
                if find(other, content) < 0:
                    return other
    raise Cannot("nothing to change")


# --- packets -----------------------------------------------------------------


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def ip_packet(src, dst, proto, body):
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(body), 1, 0, 64, proto, 0, src, dst)
    head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
    return b"\2\0\0\0\0\2\2\0\0\0\0\1\x08\0" + head + body


def transport(src, dst, proto, body, at):
    pseudo = src + dst + struct.pack("!BBH", 0, proto, len(body))
    return body[:at] + struct.pack("!H", checksum(pseudo + body)) + body[at + 2:]


class Connection:
    def __init__(self, client, server, sport, dport):
        self.ends, self.ports, self.seq, self.packets = (client, server), (sport, dport), [1000, 5000], []

    def segment(self, side, flags, data=b""):
        src, dst = self.ends[side], self.ends[1 - side]
        ack = self.seq[1 - side] if flags & 16 else 0
        head = struct.pack("!HHIIBBHHH", self.ports[side], self.ports[1 - side], self.seq[side], ack, 0x50, flags, 65535, 0, 0)
        self.packets.append(ip_packet(src, dst, 6, transport(src, dst, 6, head + data, 16)))
        self.seq[side] += len(data) + (1 if flags & 3 else 0)

    def open(self):
        self.segment(0, 2)
        self.segment(1, 18)
        self.segment(0, 16)

    def send(self, side, data, whole=False):
        step = len(data) if whole else 1400
        for i in range(0, len(data), max(step, 1)):
            self.segment(side, 24, data[i:i + step])
        self.segment(1 - side, 16)

    def close(self):
        self.segment(0, 17)
        self.segment(1, 17)
        self.segment(0, 16)


def write_capture(path, packets):
    with open(path, "wb") as out:
        out.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for i, packet in enumerate(packets):
            out.write(struct.pack("<IIII", 1700000000 + i // 100, i % 100 * 10000, len(packet), len(packet)) + packet)


# --- traffic -----------------------------------------------------------------


def address(text, other):
    """An address for a header's field, on the side of the home network it asks for."""
    if re.fullmatch(r"\$(HOME_NET|HTTP_SERVERS|SMTP_SERVERS|SQL_SERVERS|DNS_SERVERS|TELNET_SERVERS|DC_SERVERS)", text):
        return bytes([192, 168, 1, 10])
    if text == "$EXTERNAL_NET" or text == "!$HOME_NET":
        return bytes([203, 0, 113, 9])
    if text == "any":
        return bytes([203, 0, 113, 77]) if other == "$HOME_NET" else bytes([192, 168, 1, 77])
    raise Cannot("address " + text)


def port(text, default):
    if text == "any":
        return default
    if text == "$HTTP_PORTS":
        return 80
    found = re.match(r"\[?(\d+)", text)
    if found:
        return int(found[1])
    if text.startswith("!") or text.startswith("[!"):
        if str(default) not in text:
            return default
    raise Cannot("port " + text)


def http_request(parts):
    method = parts.get("http.method", b"POST" if "http.request_body" in parts else b"GET")
    uri = parts.get("http.uri.raw") or parts.get("http.uri") or b"/"
    if re.search(rb"[\s%\x80-\xff\0]|//|/\.{1,2}/", uri) or (b"http.uri" in parts and not uri.startswith(b"/")):
        raise Cannot("uri")
    if re.search(rb"\s", method) or not method:
        raise Cannot("method")
    lines = [method + b" " + uri + b" " + parts.get("http.protocol", b"HTTP/1.1")]
    fields = [("http.host", b"Host", b"www.example.org"), ("http.user_agent", b"User-Agent", b"test"), ("http.cookie", b"Cookie", None),
              ("http.referer", b"Referer", None), ("http.content_type", b"Content-Type", None), ("http.accept", b"Accept", None),
              ("http.accept_enc", b"Accept-Encoding", None), ("http.accept_lang", b"Accept-Language", None),
              ("http.connection", b"Connection", None)]
    return lines, fields, parts.get("http.request_body", b"")


def http_response(parts):
    lines = [b"HTTP/1.1 " + parts.get("http.stat_code", b"200") + b" " + parts.get("http.stat_msg", b"OK")]
    if not re.fullmatch(rb"\d{3}", parts.get("http.stat_code", b"200")):
        raise Cannot("status")
    fields = [("http.server", b"Server", None), ("http.location", b"Location", None), ("http.content_type", b"Content-Type", None),
              ("http.cookie", b"Set-Cookie", None)]
    return lines, fields, parts.get("http.response_body", parts.get("file.data", b"ok" * 8))


def http_message(parts, build, is_request):
    lines, fields, body = build(parts)
    extra = parts.get("http.header")
    taken = b"" if extra is None else extra.lower()
    for name, key, absent in fields:
        value = parts.get(name, absent)
        if value is None or (name not in parts and b"\n" + key.lower() + b":" in b"\n" + taken):
            continue
        if re.search(rb"[\r\n]", value) or value != value.strip():
            raise Cannot(name)
        lines.append(key + b": " + value)
    if extra is not None:
        if re.search(rb"\r(?!\n)|(?<!\r)\n|\r\n\r\n|[\0\x80-\xff]", extra):
            raise Cannot("http.header")
        lead = b"" if extra.startswith(b"\r\n") else b"X-A: " if b":" not in extra.split(b"\r\n")[0] else b""
        if extra.startswith(b"\r\n"):
            lines.append(b"X-First: 1")
        text = lead + extra.strip(b"\r\n")
        for line in text.split(b"\r\n"):
            if b": " not in line or line != line.rstrip() or re.match(rb"(content-length|transfer-encoding|content-encoding|cookie|set-cookie|host):", line.lower()):
                raise Cannot("http.header")
        lines += text.split(b"\r\n")
        if extra.startswith(b"\r\n") and len(lines) < 2:
            raise Cannot("http.header")
    if body or not is_request:
        lines.append(b"Content-Length: " + str(len(body)).encode())
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def dns_message(name):
    labels = name.strip(b".").split(b".")
    if any(not 0 < len(label) < 64 for label in labels) or len(name) > 250 or name != name.strip(b"."):
        raise Cannot("name")
    wire = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
    return struct.pack("!HHHHHH", 7, 0x100, 1, 0, 0, 0) + wire + struct.pack("!HH", 1, 1)


def client_hello(name):
    if not name or len(name) > 250 or re.search(rb"[^\x21-\x7e]", name):
        raise Cannot("sni")
    sni = struct.pack("!HBH", len(name) + 3, 0, len(name)) + name
    extensions = struct.pack("!HH", 0, len(sni)) + sni
    body = b"\3\3" + bytes(range(32)) + b"\0" + struct.pack("!H", 4) + b"\xc0\x2f\x00\x35" + b"\1\0" + struct.pack("!H", len(extensions)) + extensions
    message = b"\1" + struct.pack("!I", len(body))[1:] + body
    return b"\x16\3\1" + struct.pack("!H", len(message)) + message


def to_server(rule):
    if rule.flow & {"to_client", "from_server"}:
        return False
    if rule.flow & {"to_server", "from_client"}:
        return True
    return not any(name in HTTP_RESPONSE and name not in HTTP_REQUEST for name in rule.buffers)


def packets_for(rule, parts, forward):
    src, dst = address(rule.src, rule.dst), address(rule.dst, rule.src)
    default = {"http": 80, "dns": 53, "tls": 443}.get(rule.proto, 4444)
    client, server = (src, dst) if forward else (dst, src)
    sport, dport = (rule.sport, rule.dport) if forward else (rule.dport, rule.sport)
    sport, dport = port(sport, 40000), port(dport, default)
    if rule.proto == "dns":
        body = dns_message(parts["dns.query"])
        head = struct.pack("!HHHH", sport, dport, 8 + len(body), 0)
        return [ip_packet(client, server, 17, transport(client, server, 17, head + body, 6))]
    if rule.proto == "udp":
        body = parts["payload"]
        if rule.dsize is not None:
            body += b"a" * (rule.dsize - len(body))
        ends = (client, server, sport, dport) if forward else (server, client, dport, sport)
        head = struct.pack("!HHHH", ends[2], ends[3], 8 + len(body), 0)
        return [ip_packet(ends[0], ends[1], 17, transport(ends[0], ends[1], 17, head + body, 6))]
    c = Connection(client, server, sport, dport)
    c.open()
    if rule.proto == "http":
        request = {k: v for k, v in parts.items() if k in HTTP_REQUEST} if forward else {}
        response = {} if forward else {k: v for k, v in parts.items() if k in HTTP_RESPONSE}
        c.send(0, http_message(request, http_request, True))
        c.send(1, http_message(response, http_response, False))
    elif rule.proto == "tls":
        c.send(0, client_hello(parts["tls.sni"]))
    else:
        body = parts["payload"]
        if rule.dsize is not None:
            if len(body) > rule.dsize:
                raise Cannot("dsize")
            body += b"a" * (rule.dsize - len(body))
        c.send(0 if forward else 1, body, whole=True)
    c.close()
    return c.packets


def allowed(rule, forward):
    names = set(rule.buffers)
    if rule.proto == "http":
        return bool(names) and names <= set(HTTP_REQUEST if forward else HTTP_RESPONSE)
    if rule.proto in ("dns", "tls"):
        return names == {"dns.query" if rule.proto == "dns" else "tls.sni"} and forward
    return rule.proto in ("tcp", "udp") and names == {"payload"} and (rule.proto == "udp" or "stateless" not in rule.flow)


def build(rule, rng):
    """Both captures' packets of a rule."""
    forward = to_server(rule)
    if not allowed(rule, forward):
        raise Cannot("buffers")
    if {"http.uri", "http.uri.raw"} <= set(rule.buffers) or any(c.negated for c in rule.buffers.get("http.header", [])):
        raise Cannot("two views of one thing")
    parts = {name: assemble(rule, name, 0x61) for name in rule.buffers}
    parts = {name: data for name, data in parts.items() if data or name not in ("http.host", "http.user_agent")}
    if not any(not c.negated for list_ in rule.buffers.values() for c in list_):
        raise Cannot("no content")
    if "http.uri" in parts and not parts["http.uri"].startswith(b"/"):
        if any("startswith" in c.mods or "depth" in c.mods or "offset" in c.mods for c in rule.buffers["http.uri"]) or "http.uri" in rule.sizes:
            raise Cannot("uri")
        parts["http.uri"] = b"/" + parts["http.uri"]
        for c in rule.buffers["http.uri"]:
            c.at = None if c.at is None else c.at + 1
    names = [name for name in rule.buffers if any(not c.negated for c in rule.buffers[name])]
    rng.shuffle(names)
    good = packets_for(rule, parts, forward)
    for name in names:
        try:
            if name not in parts:
                continue
            other = dict(parts, **{name: changed(rule, name, parts[name], rng)})
            return good, packets_for(rule, other, forward)
        except Cannot:
            continue
    raise Cannot("nothing to change")


def draw(paths, count, seed):
    rng, chosen, reasons, total = random.Random(seed), [], {}, 0
    lines = []
    for path in paths:
        with open(path, encoding="latin-1") as text:
            lines += [line.strip() for line in text if line.startswith("alert ")]
    rng.shuffle(lines)
    for line in lines:
        try:
            rule = Rule(line)
            rule.packets = build(rule, rng)
            total += 1
            if len(chosen) < count:
                chosen.append(rule)
        except Cannot as why:
            reasons[str(why)] = reasons.get(str(why), 0) + 1
    return chosen, total, len(lines)


def fired(folder):
    path = folder / "eve.json"
    out = set()
    if path.is_file():
        for line in path.read_text(errors="replace").splitlines():
            event = json.loads(line)
            if event.get("event_type") == "alert":
                out.add(event["alert"]["signature_id"])
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sluice", required=True)
    parser.add_argument("--keep", type=pathlib.Path)
    parser.add_argument("rules", nargs="+")
    args = parser.parse_args()
    chosen, total, lines = draw(args.rules, args.count, args.seed)
    print(f"{lines} active rules, {total} of them can be built, {len(chosen)} drawn by seed {args.seed}")
    with tempfile.TemporaryDirectory() as temporary:
        top = args.keep or pathlib.Path(temporary)
        captures, out = top / "captures", top / "out"
        captures.mkdir(parents=True, exist_ok=True)
        rules = top / "drawn.rules"
        rules.write_text("\n".join(rule.text for rule in chosen) + "\n", encoding="latin-1")
        for rule in chosen:
            for name, packets in zip(("as-wanted", "changed"), rule.packets):
                write_capture(captures / f"{rule.sid}-{name}.pcap", packets)
        done = subprocess.run([args.sluice, "replay", "--each", "--quiet", "-S", str(rules), "-l", str(out), str(captures)], check=False)
        if done.returncode:
            print(f"replay ended with {done.returncode}")
            return 1
        wrong = {"silent": [], "false": []}
        for rule in chosen:
            if rule.sid not in fired(out / f"{rule.sid}-as-wanted.pcap"):
                wrong["silent"].append(rule)
            if rule.sid in fired(out / f"{rule.sid}-changed.pcap"):
                wrong["false"].append(rule)
        for kind, rules_ in wrong.items():
            for rule in rules_:
                print(f"{kind}: sid {rule.sid}: {rule.text[:160]}")
    print(f"{len(chosen) - len(wrong['silent'])} of {len(chosen)} raised their sid; {len(chosen) - len(wrong['false'])} of {len(chosen)} stayed silent once a content was changed")
    return 1 if wrong["silent"] or wrong["false"] else 0


if __name__ == "__main__":
    sys.exit(main())
