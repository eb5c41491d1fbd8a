#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""scripts/bench prints its tables: rows of each section under native, the A/A control, the
null interposer, the tracker, and the rivals that are installed. What it measures gates
nothing here; that the tracker changes a program's output would."""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

BENCH = Path(__file__).resolve().parents[2] / "scripts" / "bench"
ALWAYS = {"native", "native again", "null interposer", "ctxtrace", "ctxtrace, all families",
          "ctxtrace off=1"}
RIVALS = {name for name in ("heaptrack", "valgrind") if shutil.which(name)}
# A glob for a row, and who must be in it.
ROWS = {
    "malloc-16": ALWAYS | RIVALS,
    "malloc-half": ALWAYS | RIVALS,
    "open": ALWAYS | RIVALS,
    "mutex": ALWAYS | RIVALS,
    "startup": ALWAYS | RIVALS,
    "program-jq": ALWAYS,
    "snapshot-dump": {"ctxtrace"},
    "dump-growth": {"ctxtrace"},
}
TARGETS = {"malloc-16": 3, "malloc-half": 1, "open": 1, "startup": 1, "snapshot-stall": 1,
           "program-mean": 1}
MACHINE = ("cores", "kernel", "gcc", "libc", "build")


def check_rows(rows):
    for key, wanted in ROWS.items():
        if key not in rows:
            yield f"no row {key}"
            continue
        told = rows[key]["contestants"]
        if missing := wanted - set(told):
            yield f"{key}: no figures for {sorted(missing)}"
        for name, figures in told.items():
            if not 0 < figures["q1"] <= figures["median"] <= figures["q3"]:
                yield f"{key}: {name}: quartiles {figures}"
    for key, number in TARGETS.items():
        verdicts = rows.get(key, {}).get("targets", [])
        if len(verdicts) < number:
            yield f"{key}: {len(verdicts)} targets judged"
        yield from (f"{key}: {verdict['text']}" for verdict in verdicts
                    if verdict["met"] != ("MISSED" not in verdict["text"])
                    or verdict["met"] != (verdict["value"] <= verdict["limit"]))


def check_text(text):
    lines = text.splitlines()
    for start in ("| operations |", "| programs |", "| dumps |", "A/A control: native"):
        if not any(line.startswith(start) for line in lines):
            yield f"no line {start}"
    widths = {line.count("|") for line in lines if line.startswith("| malloc")}
    widths |= {line.count("|") for line in lines if line.startswith("| operations")}
    if len(widths) != 1:
        yield f"Markdown rows of {sorted(widths)} columns"
    for name in {"heaptrack", "valgrind"} - RIVALS:
        if f"left out: {name}: not installed" not in text:
            yield f"{name} is not named as left out"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--ctxtrace")
    parser.add_argument("--lib", required=True)
    options = parser.parse_args()
    build = Path(options.lib).resolve().parents[1]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "numbers.json"
        chosen = [word for key in ROWS for word in ("--only", key)]
        done = subprocess.run(
            [BENCH, "--quick", "--markdown", "--build", build, "--json", path, *chosen],
            capture_output=True, text=True, timeout=300, check=False)
        bad = [f"status {done.returncode}: {done.stdout[-300:]} {done.stderr[-300:]}"]
        if not done.returncode:
            told = json.loads(path.read_text(encoding="utf-8"))
            bad = [*check_rows(told["rows"]), *check_text(done.stdout),
                   *(f"no {fact} of the machine" for fact in MACHINE if not told["machine"][fact])]
    print(f"FAILED bench: {'; '.join(bad)}" if bad else "ok bench")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
