#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Inline figures as ratios to the bare accept loop, in alternating rounds in a lab of namespaces.

usage: inline.py --sluice PROGRAM --loop PROGRAM --rules RULES... [--rounds N] [--seconds S] [--workers N] [--out FOLDER]

In each round: no queue, the accept loop (tests/bench/accept_loop.c: the same capture and table, nobody looks), sluice. Measured:

  tcp    four TCP streams, Gbit/s (iperf3)
  pages  HTTP pages of 130 kB, five a connection, a second (nginx, wrk); a rule on the page's end alerts once a page
  conns  HTTP requests with a connection each, a second

Printed and written to FOLDER/inline.txt and inline.svg: medians, and the ratio of sluice to the loop.
"""
import argparse
import json
import os
import pathlib
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import bench

SERVER = "198.51.100.2"
WORDS = "the of and network flow packet gateway rule alert state image table user page search login index content script style".split()
NAMES = ("tcp", "pages", "conns")
UNITS = ("Gbit/s", "pages/s", "requests/s")


def write_page(path):
    rng = random.Random(1)
    text = "<!DOCTYPE html><html><head><title>bench</title></head><body>\n"
    while len(text) < 130_000:
        words = " ".join(rng.choice(WORDS) for _ in range(12))
        text += f'<div class="c{rng.randrange(99)}"><a href="/{rng.choice(WORDS)}/{rng.randrange(10**6)}">{words}</a></div>\n'
    path.write_text(text + "<p>end-of-bench-page</p></body></html>\n")


class Lab:
    """Runs in the gateway; other hosts through `sluice lab run --on`."""

    def __init__(self, sluice, top):
        self.sluice, self.top, self.children = sluice, top, []

    def on(self, host, *command):
        return [self.sluice, "lab", "run", "--on", host, "--", *command]

    def start(self, command, **more):
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more)
        self.children.append(child)
        return child

    def serve(self):
        (self.top / "www").mkdir()
        write_page(self.top / "www/page.html")
        (self.top / "www/small.html").write_text("<html>hello</html>\n")
        os.chmod(self.top, 0o755)
        config = (f"daemon off; master_process off; pid {self.top}/pid; error_log stderr crit;\nevents {{ worker_connections 2048; }}\n"
                  f"http {{ access_log off; keepalive_requests 5; server {{ listen {SERVER}:80; root {self.top}/www; }}\n"
                  + "".join(f"{kind}_temp_path {self.top}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")) + "}\n")
        (self.top / "nginx.conf").write_text(config)
        self.start(self.on("server", "nginx", "-c", str(self.top / "nginx.conf")))
        self.start(self.on("server", "iperf3", "-s"))
        time.sleep(1)

    def inspected_by(self, command):
        child = self.start(command)
        said = []
        for line in child.stdout:
            said.append(line)
            if line.startswith("READY"):
                return child
        sys.exit("bench: " + " ".join(command) + " did not get ready:\n" + "".join(said))

    def stop(self, child):
        child.send_signal(signal.SIGTERM)
        child.communicate(timeout=20)
        self.children.remove(child)

    def close(self):
        for child in self.children:
            child.kill()


def wrk(lab, seconds, path, *more):
    said = subprocess.run(lab.on("client", "wrk", "-t1", "-c16", f"-d{seconds}s", *more, f"http://{SERVER}/{path}"), capture_output=True, text=True)
    found = re.search(r"Requests/sec:\s*([\d.]+)", said.stdout)
    return float(found[1]) if found else 0.0


def measure(lab, seconds):
    said = subprocess.run(lab.on("client", "iperf3", "-c", SERVER, "-t", str(seconds), "-P", "4", "-J"), capture_output=True, text=True)
    try:
        tcp = json.loads(said.stdout)["end"]["sum_received"]["bits_per_second"] / 1e9
    except (ValueError, KeyError):
        tcp = 0.0
    return tcp, wrk(lab, seconds, "page.html"), wrk(lab, seconds, "small.html", "-H", "Connection: close")


def run(args):
    with tempfile.TemporaryDirectory() as temporary:
        top = pathlib.Path(temporary)
        rules = top / "all.rules"
        text = b"".join(pathlib.Path(path).read_bytes() for path in args.rules)
        rules.write_bytes(text + b'\nalert http any any -> any any (msg:"bench page"; flow:established,to_client; file.data; '
                                 b'content:"end-of-bench-page"; sid:9999999; rev:1;)\n')
        lab = Lab(args.sluice, top)
        (top / "log").mkdir()
        loop = [args.loop, "--workers", str(args.workers)]
        sluice = [args.sluice, "run", "-S", str(rules), "-l", str(top / "log"), "-q", f"0-{2 * args.workers - 1}",
                  "--set", f"detect.sgh-mpm-caching-path={top / 'cache'}"]
        rows = {"no queue": [], "accept loop": [], "sluice": []}
        try:
            lab.serve()
            for _ in range(args.rounds):
                for name, command in zip(rows, (None, loop, sluice)):
                    child = lab.inspected_by(command) if command else None
                    rows[name].append(measure(lab, args.seconds))
                    if child:
                        lab.stop(child)
                    print(name.ljust(12), *(f"{value:12.2f}" for value in rows[name][-1]), flush=True)
        finally:
            lab.close()
    return {name: [statistics.median(column) for column in zip(*values)] for name, values in rows.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("sluice", "loop"):
        parser.add_argument("--" + name, required=True, type=lambda path: str(pathlib.Path(path).resolve()))
    parser.add_argument("--rules", nargs="+", required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=max(1, (os.cpu_count() or 1) // 2))
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("build/bench"))
    args = parser.parse_args()
    if "SLUICE_LAB" not in os.environ:
        os.execv(args.sluice, [args.sluice, "lab", "run", "--", sys.executable, *sys.argv])
    args.out.mkdir(parents=True, exist_ok=True)
    medians = run(args)
    ratios = [(f"{name}: sluice / loop", own / bare if bare else 0.0) for name, own, bare in zip(NAMES, medians["sluice"], medians["accept loop"])]
    text = "median".ljust(14) + "".join(f"{name + ', ' + unit:>20}" for name, unit in zip(NAMES, UNITS)) + "\n"
    text += "".join(name.ljust(14) + "".join(f"{value:20.2f}" for value in values) + "\n" for name, values in medians.items())
    text += "".join(f"{name:28}{value:8.3f}\n" for name, value in ratios)
    print(text, end="")
    (args.out / "inline.txt").write_text(text)
    bench.bars(args.out / "inline.svg", ratios)


if __name__ == "__main__":
    main()
