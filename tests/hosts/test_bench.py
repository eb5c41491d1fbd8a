#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""scripts/bench prints its table: every workload under native, the A/A control, the null
interposer, the tracker, and the rivals that are installed. What it measures gates nothing."""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

BENCH = Path(__file__).resolve().parents[2] / "scripts" / "bench"
ALWAYS = {"native", "native again", "null interposer", "ctxtrace", "ctxtrace off=1"}
WORKLOADS = ("malloc, 16 frames", "open, 16 frames", "an empty program")


def complaints(results):
    rivals = {name for name in ("heaptrack", "valgrind") if shutil.which(name)}
    for start in WORKLOADS:
        rows = next((rows for label, rows in results.items() if label.startswith(start)), None)
        if rows is None:
            yield f"no table for {start}"
            continue
        wanted = ALWAYS if start == WORKLOADS[-1] else ALWAYS | rivals
        if missing := wanted - set(rows):
            yield f"{start}: no row for {sorted(missing)}"
        if any(row["median"] <= 0 for row in rows.values()):
            yield f"{start}: nothing was measured"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--ctxtrace")
    parser.add_argument("--lib", required=True)
    options = parser.parse_args()
    build = Path(options.lib).resolve().parents[1]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "numbers.json"
        done = subprocess.run([BENCH, "--quick", "--build", build, "--json", path],
                              capture_output=True, text=True, timeout=300, check=False)
        bad = ([f"status {done.returncode}: {done.stderr[-300:]}"] if done.returncode
               else list(complaints(json.loads(path.read_text()))))
    print(f"FAILED bench: {'; '.join(bad)}" if bad else "ok bench")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
