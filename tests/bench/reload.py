#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Memory and time of a reload with 1 % of the rules changed: reload.py SLUICE RULES... [--rounds N] [--change PERCENT] [--set KEY=VALUE]

Starts `sluice run` in a lab of namespaces (user namespace, NFQUEUE), waits until its memory is steady, then changes rules (a content of each of
the chosen ones, its rev) and reloads. The summed PSS of the daemon and its children is read every 10 ms. Prints, a line a round: steady before,
peak, ratio, seconds. The last line is the largest ratio.
"""
import argparse, glob, os, random, re, shutil, signal, subprocess, sys, tempfile, time


def pss(pid):
    """kB, of a process and its children"""
    total, todo = 0, [pid]
    while todo:
        p = todo.pop()
        try:
            with open(f"/proc/{p}/smaps_rollup") as f:
                total += int(re.search(r"^Pss:\s+(\d+)", f.read(), re.M).group(1))
            for task in os.listdir(f"/proc/{p}/task"):
                with open(f"/proc/{p}/task/{task}/children") as f:
                    todo += f.read().split()
        except (OSError, AttributeError):
            pass
    return total


def change(lines, share, salt):
    active = [i for i, l in enumerate(lines) if l and not l.startswith("#")]
    for i in random.sample(active, max(1, int(len(active) * share))):
        line = re.sub(r'content:"([^"|\\]{4,})"', lambda m: f'content:"{m.group(1)[:-2]}{salt:02x}"', lines[i], count=1)
        lines[i] = re.sub(r"rev:\s*(\d+)", lambda m: f"rev:{int(m.group(1)) + 1}", line)


def wait_for(path, what, process, limit=120):
    end = time.monotonic() + limit
    while time.monotonic() < end and process.poll() is None:
        found = re.findall(what, open(path).read())
        if found:
            return found
        time.sleep(0.01)
    sys.exit(f"reload: no “{what}” in {limit} s:\n" + open(path).read()[-2000:])


def main():
    a = argparse.ArgumentParser()
    a.add_argument("sluice")
    a.add_argument("rules", nargs="+")
    a.add_argument("--rounds", type=int, default=3)
    a.add_argument("--change", type=float, default=1.0)
    a.add_argument("--set", action="append", default=[])
    a.add_argument("--no-cache", action="store_true")
    o = a.parse_args()
    random.seed(1)
    tmp = tempfile.mkdtemp(prefix="reload.")
    lines = []
    for pattern in o.rules:
        for name in sorted(glob.glob(pattern)):
            lines += open(name, encoding="utf-8", errors="surrogateescape").read().split("\n")
    rules, out = f"{tmp}/all.rules", f"{tmp}/out.txt"

    def write():
        with open(rules, "w", encoding="utf-8", errors="surrogateescape") as f:
            f.write("\n".join(lines) + "\n")

    write()
    os.mkdir(f"{tmp}/log")
    sets = [x for s in o.set for x in ("--set", s)]
    sets += ["--set", f"detect.sgh-mpm-caching-path={tmp}/cache", "--set", f"detect.sgh-mpm-caching={'no' if o.no_cache else 'yes'}"]
    command = [o.sluice, "lab", "run", "--", o.sluice, "run", "-S", rules, "-l", f"{tmp}/log", *sets]
    shell = subprocess.Popen(command, stdout=open(out, "w"), stderr=subprocess.STDOUT, env={**os.environ, "LC_ALL": "C"})
    try:
        wait_for(out, r"^READY.*|\nREADY.*", shell)
        pid = int(wait_for(out, r"kill (\d+)", shell)[0])
        pid = find(pid, o.sluice)
        worst = 0
        for round_number in range(o.rounds):
            time.sleep(1)
            steady = pss(pid)
            change(lines, o.change / 100, round_number)
            write()
            peak, begin = steady, time.monotonic()
            before = len(re.findall("in force", open(out).read()))
            os.kill(pid, signal.SIGUSR2)
            while len(re.findall("in force", open(out).read())) == before:
                peak = max(peak, pss(pid))
                time.sleep(0.01)
                if shell.poll() is not None or time.monotonic() - begin > 120:
                    sys.exit("reload: it did not end")
            seconds = time.monotonic() - begin
            after = pss(pid)
            worst = max(worst, peak / steady)
            print(f"steady {steady / 1024:.1f} MB, peak {peak / 1024:.1f} MB, ratio {peak / steady:.2f}, {seconds:.2f} s, then {after / 1024:.1f} MB", flush=True)
        print(f"largest ratio {worst:.2f}")
        os.kill(pid, signal.SIGTERM)
        shell.wait(20)
    finally:
        if shell.poll() is None:
            shell.kill()
        if os.environ.get("KEEP"):
            print(open(out).read())
        shutil.rmtree(tmp, ignore_errors=True)


def find(pid, name):
    """The daemon's number here; `kill N` in its report counts in its own namespace."""
    for p in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{p}/status") as f:
                status = f.read()
            with open(f"/proc/{p}/cmdline", "rb") as f:
                words = f.read().split(b"\0")
        except OSError:
            continue
        numbers = re.search(r"^NSpid:\s+(.*)$", status, re.M)
        if numbers and int(numbers.group(1).split()[-1]) == pid and b"run" in words[1:2] and os.path.basename(words[0]).decode() == os.path.basename(name):
            return int(p)
    return pid


main()
