#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""scripts/demo, the README's first command, in the build that is tested. It checks by
itself what it shows. Prints "ok demo" or "FAILED demo: why"."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT_S = 300


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ctxtrace", required=True)
    parser.add_argument("--lib", required=True, type=Path)
    build = parser.parse_args().lib.resolve().parents[1]
    done = subprocess.run([ROOT / "scripts" / "demo"], stdin=subprocess.DEVNULL, text=True,
                          capture_output=True, timeout=TIMEOUT_S, check=False,
                          env={**os.environ, "CTXTRACE_BUILD": str(build)})
    if done.returncode:
        print(f"FAILED demo: status {done.returncode}: {(done.stdout + done.stderr)[-600:]!r}")
        return 1
    print("ok demo")
    return 0


if __name__ == "__main__":
    sys.exit(main())
