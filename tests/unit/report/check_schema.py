#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Holds JSON reports against the shipped schema.

usage: check_schema.py SCHEMA REPORT...   (77, a skip, without jsonschema)
"""
import json
import sys

try:
    import jsonschema
except ImportError:
    print("python3-jsonschema is not installed")
    sys.exit(77)

with open(sys.argv[1], encoding="utf-8") as file:
    schema = json.load(file)
jsonschema.Draft7Validator.check_schema(schema)
failed = False
for path in sys.argv[2:]:
    with open(path, encoding="utf-8") as file:
        report = json.load(file)
    for error in jsonschema.Draft7Validator(schema).iter_errors(report):
        print(f"{path}: {'/'.join(map(str, error.path))}: {error.message}")
        failed = True
    for finding in report["findings"]:
        if finding["stack"] is not None and str(finding["stack"]) not in report["stacks"]:
            print(f"{path}: finding {finding['id']}: its stack is not in stacks")
            failed = True
sys.exit(failed)
