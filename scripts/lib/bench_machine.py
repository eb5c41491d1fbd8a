# SPDX-License-Identifier: MIT
"""What a figure must be read with: the machine, its compilers, and the build measured."""

import json
import os
import platform
import subprocess
from pathlib import Path


def first_line(*command):
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True)
    except FileNotFoundError:
        return None
    return (done.stdout or done.stderr).partition("\n")[0] or None


def read_cpu_model():
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def read_build_options(build):
    told = subprocess.run(["meson", "introspect", "--buildoptions", str(build)], check=False,
                          capture_output=True, text=True).stdout
    wanted = ("buildtype", "optimization", "b_sanitize", "c_args")
    return {option["name"]: option["value"] for option in json.loads(told or "[]")
            if option["name"] in wanted}


def describe_machine(build, root):
    return {
        "cores": os.cpu_count(),
        "cpu": read_cpu_model(),
        "kernel": platform.release(),
        "libc": " ".join(platform.libc_ver()),
        "gcc": first_line("gcc", "--version"),
        "clang": first_line("clang", "--version"),
        "valgrind": first_line("valgrind", "--version"),
        "load": os.getloadavg()[0],
        "build": read_build_options(build),
        "commit": first_line("git", "-C", str(root), "rev-parse", "--short", "HEAD"),
    }


def print_machine(machine):
    print(f"{machine['cores']} cores, {machine['cpu']}, Linux {machine['kernel']}, "
          f"{machine['libc']}, load {machine['load']:.1f}")
    print(f"{machine['gcc']}; {machine['clang']}; built with "
          f"{machine['build'].get('buildtype', 'unknown options')}")
