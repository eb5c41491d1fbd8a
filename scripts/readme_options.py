# SPDX-License-Identifier: MIT
"""The README's table of options, made from CTT_OPTIONS in preload/options.h.

--write puts the table between the two markers, --check fails when it differs.
"""

import argparse
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BEGIN = "<!-- options: made by scripts/readme_options.py -->"
END = "<!-- end of options -->"
ROW = re.compile(r'X\(\s*(\w+),\s*(\w+),\s*"((?:[^"\\]|\\.)*)",\s*'
                 r'"[^"]*",\s*((?:"(?:[^"\\]|\\.)*"\s*)+)\)')

TYPES = {"BOOL": "0 or 1", "INT": "number", "SIZE": "size (64k, 256M)",
         "TIME": "time (500ms, 3s)", "TEXT": "text", "SIGNAL": "signal", "WHEN": "conditions"}


def read_options():
    """(key, type, default, help) of every row, in the header's order."""
    text = (ROOT / "preload" / "options.h").read_text(encoding="utf-8")
    text = text[text.index("#define CTT_OPTIONS(X)"):].replace("\\\n", "")
    for key, kind, default, pieces in ROW.findall(text):
        help_text = "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', pieces))
        yield key, TYPES[kind], default, help_text.replace('\\"', '"').replace("|", "\\|")


def make_table():
    lines = ["| option | value | default | |", "|---|---|---|---|"]
    for key, kind, default, help_text in read_options():
        shown = f"`{default}`" if default else "–"
        lines.append(f"| `{key}` | {kind} | {shown} | {help_text} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    if BEGIN not in text or END not in text:
        print("README.md: no markers for the options table")
        return 1
    before, rest = text.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    wanted = f"{before}{BEGIN}\n{make_table()}\n{END}{after}"
    if options.write:
        readme.write_text(wanted, encoding="utf-8")
    elif wanted != text:
        print("README.md: options differ from preload/options.h "
              "(scripts/readme_options.py --write)")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
