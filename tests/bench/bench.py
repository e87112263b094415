#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Measure replay, start and memory as ratios to the yardstick, in alternating rounds of one run.

usage: bench.py --sluice PROGRAM --yardstick PROGRAM --capture FILE --rules RULES... [--rounds N] [--out FOLDER]

Printed and written to FOLDER/replay.txt and replay.svg: medians of the rounds.

  replay    wall clock of a replay less that of the same command on one packet, by scan_s
  start     wall clock on one packet, nothing cached and cached, by compile_s
  memory    peak resident set of the replay, in MB (no ratio)
"""
import argparse
import json
import os
import pathlib
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import time


def timed(command):
    """Wall seconds and peak resident MB of a command."""
    start = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"bench: {' '.join(command)} ended with {process.returncode}: {said.decode(errors='replace').strip()}")
    return seconds, usage.ru_maxrss / 1024


def one_packet(capture, path):
    """The capture's first packet as a capture of its own."""
    with open(capture, "rb") as source:
        head = source.read(24)
        order = "<" if head[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
        record = source.read(16)
        length = struct.unpack(order + "IIII", record)[2]
        path.write_bytes(head + record + source.read(length))


def bars(path, rows):
    """A plain SVG of ratios: one bar a row, readable in light and dark."""
    width, line = 640, 34
    most = max(value for _, value in rows) or 1
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{line * len(rows) + 20}" font-family="sans-serif" font-size="13">',
             '<style>text{fill:#222}.b{fill:#2a78b8}@media(prefers-color-scheme:dark){text{fill:#ddd}.b{fill:#6ab0e8}}</style>']
    for i, (name, value) in enumerate(rows):
        y = 10 + i * line
        parts.append(f'<text x="8" y="{y + 18}">{name}</text><rect class="b" x="230" y="{y + 4}" width="{value / most * 320:.1f}" height="20"/>'
                     f'<text x="{236 + value / most * 320:.1f}" y="{y + 18}">{value:.3f}</text>')
    path.write_text("\n".join(parts + ["</svg>\n"]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("sluice", "yardstick", "capture"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--rules", nargs="+", required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("build/bench"))
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    rounds = []
    with tempfile.TemporaryDirectory() as temporary:
        top = pathlib.Path(temporary)
        rules = top / "all.rules"
        rules.write_bytes(b"".join(pathlib.Path(path).read_bytes() for path in args.rules))
        one_packet(args.capture, top / "one.pcap")
        common = [args.sluice, "replay", "-S", str(rules), "-k", "none", "--quiet", "-l", str(top / "log"),
                  "--set", f"detect.sgh-mpm-caching-path={top / 'cache'}"]
        for _ in range(args.rounds):
            shutil.rmtree(top / "cache", ignore_errors=True)
            cold, _ = timed(common + [str(top / "one.pcap")])
            cached, _ = timed(common + [str(top / "one.pcap")])
            whole, memory = timed(common + [args.capture])
            shutil.rmtree(top / "log", ignore_errors=True)
            said = subprocess.run([args.yardstick, args.capture, *args.rules], stdout=subprocess.PIPE, check=True)
            yard = json.loads(said.stdout)
            rounds.append({"cold": cold, "cached": cached, "replay": whole - cached, "memory": memory, **yard})
            print("round", json.dumps({k: round(v, 3) for k, v in rounds[-1].items()}), flush=True)
    rows = [("replay / scan", statistics.median(r["replay"] / r["scan_s"] for r in rounds)),
            ("cold start / compile", statistics.median(r["cold"] / r["compile_s"] for r in rounds)),
            ("cached start / compile", statistics.median(r["cached"] / r["compile_s"] for r in rounds))]
    memory = statistics.median(r["memory"] for r in rounds)
    text = "".join(f"{name:24}{value:10.3f}\n" for name, value in rows) + f"{'peak memory, MB':24}{memory:10.0f}\n"
    print(text, end="")
    (args.out / "replay.txt").write_text(text)
    bars(args.out / "replay.svg", rows)


if __name__ == "__main__":
    main()
