# SPDX-License-Identifier: MIT
"""Runs the functions test_* of a file and prints a line for each."""


def run_tests(namespace):
    """The exit status: 1 when one failed."""
    bad = 0
    for name, test in list(namespace.items()):
        if not name.startswith("test_"):
            continue
        try:
            test()
            print(f"ok {name}")
        except AssertionError as error:
            bad = 1
            print(f"FAILED {name}: line {error.__traceback__.tb_next.tb_lineno}: {error}")
    return bad
