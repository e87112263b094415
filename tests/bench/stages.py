#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the time goes: samples of a running sluice by `perf`, summed up by stage.

usage: stages.py PID SECONDS

A sample belongs to the folder of src/ whose file defines its function, to the library it lies in, or to the kernel. Names that several folders
define are given to none of them ("several").
"""
import collections
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

SRC = pathlib.Path(__file__).resolve().parents[2] / "src"
DEFINITION = re.compile(r"^(?!static inline)[a-z][\w\s\*]*?\b(\w+)\([^;]*$", re.M)
FOLDERS = {"capture": "capture and verdicts", "packet": "decoding", "flow": "flows and streams", "app": "protocols", "detect": "detection", "respond": "verdicts of rules",
           "output": "records", "base": "JSON, buffers, memory", "daemon": "the worker's loop"}
LIBRARIES = {"libhs": "patterns, by the library", "libhtp": "HTTP parser (libhtp)", "libc": "C library: memory, copies", "libpcre2": "regular expressions"}
WINDOWS = {"needles_scan", "look"}


def folders_of_functions():
    found = collections.defaultdict(set)
    for path in SRC.glob("*/**/*.[ch]"):
        if path.name.startswith("test_"):
            continue
        for name in DEFINITION.findall(path.read_text()):
            found[name].add(path.relative_to(SRC).parts[0])
    return found


def stage_of(dso, symbol, folders):
    if "kernel" in dso or dso.startswith("["):
        return "kernel: queue, copies, system calls"
    for library, stage in LIBRARIES.items():
        if dso.startswith(library + ".") or dso.startswith(library + "-"):
            return stage
    name = symbol.split(".")[0]
    if name in WINDOWS:
        return "patterns, by windows"
    where = folders.get(name, ())
    if len(where) == 1:
        return FOLDERS.get(next(iter(where)), next(iter(where)))
    return "several" if where else "other"


def record(pid, seconds, path):
    """Starts perf on a process; None: there is no perf."""
    if not shutil.which("perf"):
        return None
    return subprocess.Popen(["perf", "record", "-q", "-o", str(path), "-e", "cpu-clock", "-F", "997", "-p", str(pid), "--", "sleep", str(seconds)],
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def read(path):
    """Shares of the samples by stage, the largest first."""
    said = subprocess.run(["perf", "report", "-i", str(path), "--no-children", "-g", "none", "--stdio", "-t", ";", "--sort", "dso,symbol", "--percent-limit", "0"],
                          capture_output=True, text=True).stdout
    folders, shares = folders_of_functions(), collections.Counter()
    for line in said.splitlines():
        cells = [cell.strip() for cell in line.split(";")]
        if len(cells) < 3 or not re.fullmatch(r"[\d.]+%", cells[0]):
            continue
        symbol = re.sub(r"^\[.\]\s*", "", cells[2])
        shares[stage_of(cells[1], symbol, folders)] += float(cells[0][:-1])
    return shares.most_common()


def table(shares):
    return "".join(f"  {share:5.1f} %  {stage}\n" for stage, share in shares if share >= 0.5)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "perf"
        child = record(sys.argv[1], sys.argv[2], path)
        if not child:
            sys.exit("stages: perf is needed")
        child.wait()
        print(table(read(path)), end="")


if __name__ == "__main__":
    main()
