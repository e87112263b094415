#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Inline figures as ratios, in alternating rounds in a lab of namespaces whose gateway has a firewall with `ct state`.

usage: inline.py --sluice PROGRAM --loop PROGRAM --rules RULES... [--rounds N] [--pairs N] [--seconds S] [--workers N] [--only NAMES] [--stages] [--out FOLDER]

In each round: no queue, the accept loop (tests/bench/accept_loop.c: the same capture and table, nobody looks), sluice. Measured:

  tcp       four TCP streams, Gbit/s (iperf3)
  pages     HTTP pages of 130 kB, five a connection, a second (nginx, wrk); a rule on the page's end alerts once a page
  conns     HTTP requests with a connection each, a second
  udp       64-byte datagrams that arrive, a second (iperf3)
  released  four TCP streams that a policy released, Gbit/s; to be compared with no queue

Round trips (64 bytes over TCP, sockperf) are measured in pairs of loop and sluice, one right after the other: the median of the p50 ratios, and
the median of the p99 ratios with the 95 % interval of that median (order statistics).

With --stages sluice serves each measurement once more at the end while perf samples it: where its time goes (stages.py).

Printed and written to FOLDER/inline.txt and inline.svg.
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
import stages

SERVER = "198.51.100.2"
WORDS = "the of and network flow packet gateway rule alert state image table user page search login index content script style".split()
UNITS = {"tcp": "Gbit/s", "pages": "pages/s", "conns": "requests/s", "udp": "packets/s", "released": "Gbit/s"}
FIREWALL = """table inet fw {
	chain forward {
		type filter hook forward priority 0; policy drop;
		ct state established,related accept
		ct state new accept
	}
}
"""
RULES = """
alert http any any -> any any (msg:"bench page"; flow:established,to_client; content:"end-of-bench-page"; sid:9999999; rev:1;)
alert tcp any any -> any 5202 (msg:"bench bulk"; flow:established,to_server; threshold:type limit, track by_src, count 1, seconds 60; sid:9999998; rev:1;)
"""


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
        child = subprocess.Popen(command, **{"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "text": True, **more})
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
        for port in ("5201", "5202"):
            self.start(self.on("server", "iperf3", "-s", "-p", port))
        self.start(self.on("server", "sockperf", "server", "--tcp", "-i", SERVER, "-p", "7000"))
        time.sleep(1)

    def inspected_by(self, command):
        child = self.start(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
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


def iperf(lab, seconds, *more):
    said = subprocess.run(lab.on("client", "iperf3", "-c", SERVER, "-t", str(seconds), "-J", *more), capture_output=True, text=True)
    try:
        return json.loads(said.stdout)["end"]
    except (ValueError, KeyError):
        return None


def streams(lab, seconds, port):
    end = iperf(lab, seconds, "-P", "4", "-p", str(port))
    return end["sum_received"]["bits_per_second"] / 1e9 if end else 0.0


def datagrams(lab, seconds):
    end = iperf(lab, seconds, "-u", "-l", "64", "-b", "0")
    return (end["sum"]["packets"] - end["sum"]["lost_packets"]) / end["sum"]["seconds"] if end else 0.0


MEASURES = {
    "tcp": lambda lab, seconds: streams(lab, seconds, 5201),
    "pages": lambda lab, seconds: wrk(lab, seconds, "page.html"),
    "conns": lambda lab, seconds: wrk(lab, seconds, "small.html", "-H", "Connection: close"),
    "udp": datagrams,
    "released": lambda lab, seconds: streams(lab, seconds, 5202),
}


def round_trip(lab, seconds):
    said = subprocess.run(lab.on("client", "sockperf", "ping-pong", "--tcp", "-i", SERVER, "-p", "7000", "-t", str(seconds), "-m", "64", "--full-rtt"),
                          capture_output=True, text=True).stdout
    found = [re.search(rf"percentile {p}\.000\s*=\s*([\d.]+)", said) for p in (50, 99)]
    return [float(f[1]) if f else float("nan") for f in found]


def alerts(folder, sid):
    try:
        return sum(f'"signature_id":{sid},'.encode() in line and b'"event_type":"alert"' in line for line in open(folder / "eve.json", "rb"))
    except OSError:
        return 0


def interval(values):
    """95 % interval of the median: the order statistics that it lies between with that probability."""
    values, n = sorted(values), len(values)
    k = max(0, int(n / 2 - 0.98 * n ** 0.5))
    return values[k], values[n - 1 - k]


def where_time_goes(lab, name, command, seconds, path):
    """While a measurement runs: shares of the processor time by stage."""
    child = lab.inspected_by(command)
    sampler = stages.record(child.pid, max(1, seconds - 1), path)
    MEASURES[name](lab, seconds)
    if sampler:
        sampler.wait()
    lab.stop(child)
    return f"where the time goes: {name}\n" + stages.table(stages.read(path)) if sampler else "where the time goes: perf is needed\n"


def write_inputs(args, top):
    rules = top / "all.rules"
    rules.write_bytes(b"".join(pathlib.Path(path).read_bytes() for path in args.rules) + RULES.encode())
    policy = top / "policy.yaml"
    policy.write_text("%YAML 1.1\n---\nrespond:\n  rules:\n    - match: { sid: [9999998] }\n      do: release\n")
    (top / "log").mkdir()
    return [args.sluice, "run", "-S", str(rules), "--include", str(policy), "-l", str(top / "log"), "-q", f"0-{2 * args.workers - 1}",
            "--set", f"detect.sgh-mpm-caching-path={top / 'cache'}"]


def run(args):
    names = [name for name in MEASURES if not args.only or name in args.only.split(",")]
    with tempfile.TemporaryDirectory() as temporary:
        top = pathlib.Path(temporary)
        lab = Lab(args.sluice, top)
        commands = {"no queue": None, "accept loop": [args.loop, "--workers", str(args.workers)], "sluice": write_inputs(args, top)}
        rows = {name: [] for name in commands}
        trips, spent = [], ""
        try:
            subprocess.run(["nft", "-f", "-"], input=FIREWALL, text=True, check=True)
            lab.serve()
            for _ in range(args.rounds):
                for name, command in commands.items():
                    child = lab.inspected_by(command) if command else None
                    rows[name].append([MEASURES[m](lab, args.seconds) for m in names])
                    if child:
                        lab.stop(child)
                    print(name.ljust(12), *(f"{m} {value:.2f}" for m, value in zip(names, rows[name][-1])), flush=True)
            for _ in range(args.pairs):
                pair = []
                for name in ("accept loop", "sluice"):
                    child = lab.inspected_by(commands[name])
                    pair.append(round_trip(lab, 2))
                    lab.stop(child)
                trips.append([own / bare for own, bare in zip(pair[1], pair[0])])
                print(f"round trip   p50 {pair[0][0]:.1f} -> {pair[1][0]:.1f} us, p99 {pair[0][1]:.1f} -> {pair[1][1]:.1f} us", flush=True)
            for name in names if args.stages else ():
                spent += where_time_goes(lab, name, commands["sluice"], args.seconds, top / "perf")
            print(f"alerts of the page's end: {alerts(top / 'log', 9999999)}, of released streams: {alerts(top / 'log', 9999998)}")
        finally:
            lab.close()
    medians = {name: dict(zip(names, map(statistics.median, zip(*values)))) for name, values in rows.items()} if args.rounds else {}
    return names, medians, trips, spent


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("sluice", "loop"):
        parser.add_argument("--" + name, required=True, type=lambda path: str(pathlib.Path(path).resolve()))
    parser.add_argument("--rules", nargs="+", required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pairs", type=int, default=20, help="of round trips")
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=max(1, (os.cpu_count() or 1) // 2))
    parser.add_argument("--only", help="measurements, with commas")
    parser.add_argument("--stages", action="store_true", help="where the time goes")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("build/bench"))
    args = parser.parse_args()
    if "SLUICE_LAB" not in os.environ:
        os.execv(args.sluice, [args.sluice, "lab", "run", "--", sys.executable, *sys.argv])
    args.out.mkdir(parents=True, exist_ok=True)
    names, medians, trips, spent = run(args)
    text, ratios = "", []
    if medians:
        text = "median".ljust(14) + "".join(f"{name + ', ' + UNITS[name]:>20}" for name in names) + "\n"
        text += "".join(row.ljust(14) + "".join(f"{value:20.2f}" for value in values.values()) + "\n" for row, values in medians.items())
        for name in names:
            other = "no queue" if name == "released" else "accept loop"
            bare = medians[other][name]
            ratios.append((f"{name}: sluice / {other}", medians["sluice"][name] / bare if bare else 0.0))
    if trips:
        p50, p99 = zip(*trips)
        low, high = interval(p99)
        ratios.append(("round trip p50: sluice / loop", statistics.median(p50)))
        ratios.append(("round trip p99: sluice / loop", statistics.median(p99)))
        text += f"p99 of {len(trips)} pairs: median {statistics.median(p99):.2f}, 95 % interval {low:.2f} to {high:.2f}\n"
    text += "".join(f"{name:34}{value:8.3f}\n" for name, value in ratios) + spent
    print(text, end="")
    (args.out / "inline.txt").write_text(text)
    if ratios:
        bench.bars(args.out / "inline.svg", ratios)


if __name__ == "__main__":
    main()
