# SPDX-License-Identifier: MIT
"""Compiles the given Python files and looks for what a linter would say first:
imports outside the standard library, names imported and not used, long lines."""

import ast
import sys
from pathlib import Path

LINE_MAX = 100
# The schema test is the one place where a package beyond the standard library helps.
FOREIGN = {"jsonschema"}


def complain(path, line, text):
    print(f"{path}:{line}: {text}")
    return 1


def check_imports(path, tree, source):
    bad = 0
    # Beside the file, in a folder beside its own, or the library of scripts/: what tests put
    # on their path.
    own = {sibling.stem for pattern, folder in (("*.py", Path(path).parent),
                                                ("*/*.py", Path(path).parent.parent),
                                                ("*.py", Path(__file__).parent))
           for sibling in folder.glob(pattern)}
    for node in ast.walk(tree):
        if not isinstance(node, (ast.Import, ast.ImportFrom)):
            continue
        for alias in node.names:
            top = (getattr(node, "module", None) or alias.name).split(".")[0]
            known = sys.stdlib_module_names | FOREIGN | own
            if top not in known:
                bad += complain(path, node.lineno, f"{top} is not in the standard library")
            name = (alias.asname or alias.name).split(".")[0]
            uses = [n for n in ast.walk(tree) if isinstance(n, ast.Name) and n.id == name]
            if not uses and f"{name}." not in source:
                bad += complain(path, node.lineno, f"{name} is imported and not used")
    return bad


def check_file(path):
    with open(path, encoding="utf-8") as file:
        source = file.read()
    try:
        tree = ast.parse(source, path)
    except SyntaxError as error:
        return complain(path, error.lineno, error.msg)
    bad = check_imports(path, tree, source)
    for number, line in enumerate(source.splitlines(), 1):
        if len(line) > LINE_MAX:
            bad += complain(path, number, f"longer than {LINE_MAX} columns")
    return bad


if __name__ == "__main__":
    sys.exit(1 if sum(check_file(path) for path in sys.argv[1:]) else 0)
