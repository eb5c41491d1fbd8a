#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Holds a graph of contexts against the languages that it is written in.

usage: check_graphs.py FILE.dot FILE.mermaid   (77, a skip, without graphviz)

Graphviz draws the one. The other is read by the strict part of Mermaid's grammar that is
used. Both must have the same nodes with the same texts, and the same edges, bold or not.
"""
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

SVG = "{http://www.w3.org/2000/svg}"
CHARACTER = r"(?:[A-Za-z0-9 .,/=()+@?-]|[^\x00-\x7f]|#[0-9]+;|<br/>)"
IDENTIFIER = r"[a-z][A-Za-z0-9_]*"
LABEL = rf'\["({CHARACTER}*)"\]'
# What Mermaid takes for styles, wherever it stands: the `;` at its end would be lost.
STYLE = re.compile(r"(style|classDef).*:\S*#.*;")


class Graph:
    """Nodes by name: (label, classes); edges: (from, to, bold)."""

    def __init__(self):
        self.nodes, self.edges, self.clusters = {}, set(), {}


def fail(message):
    print(message)
    sys.exit(1)


def texts_of(group):
    return "\n".join(text.text or "" for text in group.iter(SVG + "text"))


def same_blanks(text):
    """Graphviz keeps blanks as no-break spaces where there are several."""
    return re.sub(r"[\s\u00a0]+", " ", text)


def read_dot(path):
    graph = Graph()
    done = subprocess.run(["dot", "-Tsvg", path], capture_output=True, check=False)
    if done.returncode or done.stderr:
        fail(f"{path}: dot: {done.returncode} {done.stderr.decode(errors='replace')}")
    for group in ElementTree.fromstring(done.stdout).iter(SVG + "g"):
        kind, *classes = group.get("class", "").split()
        title = group.findtext(SVG + "title", "")
        if kind == "node":
            graph.nodes[title] = (same_blanks(texts_of(group)), set(classes))
        elif kind == "edge":
            graph.edges.add((*title.split("->"), "cancel" in classes))
        elif kind == "cluster":
            graph.clusters[title.removeprefix("cluster_")] = same_blanks(texts_of(group))
    return graph


def label_text(label):
    """What Mermaid shows."""
    label = label.replace("<br/>", "\n")
    return same_blanks(re.sub("#([0-9]+);", lambda number: chr(int(number[1])), label))


class Mermaid:
    """One line after the other; `rules` says what each may be."""

    def __init__(self):
        self.graph, self.classes, self.inside = Graph(), set(), None
        self.rules = (
            (rf"  classDef ({IDENTIFIER}) [a-z-]+:[#0-9a-z ]+(?:,[a-z-]+:[#0-9a-z ]+)*",
             self.class_define),
            (rf"  subgraph ({IDENTIFIER}){LABEL}", self.cluster_begin),
            (r"  end", self.cluster_end),
            (rf"    ({IDENTIFIER}){LABEL}(?::::({IDENTIFIER}))?", self.node_add),
            (rf"    ({IDENTIFIER}) (-->|==>) ({IDENTIFIER})", self.edge_add),
            (rf"  class ({IDENTIFIER}) ({IDENTIFIER})", self.class_add),
        )

    def class_define(self, name):
        self.classes.add(name)

    def cluster_begin(self, name, label):
        assert self.inside is None
        self.inside = name
        self.graph.clusters[name] = label_text(label)

    def cluster_end(self):
        assert self.inside
        self.inside = None

    def node_add(self, name, label, look):
        assert self.inside and name not in self.graph.nodes and name != "end"
        assert look is None or look in self.classes
        self.graph.nodes[name] = (label_text(label), {look} if look else {"rest"})

    def edge_add(self, start, arrow, end):
        assert self.inside and start in self.graph.nodes and end in self.graph.nodes
        self.graph.edges.add((start, end, arrow == "==>"))

    def class_add(self, name, look):
        assert not self.inside and look in self.classes
        self.graph.nodes[name][1].add(look)

    def read(self, path):
        with open(path, encoding="utf-8") as file:
            lines = file.read().removesuffix("\n").split("\n")
        assert lines.pop(0) == "flowchart TD"
        for line in lines:
            found = [(re.fullmatch(rule, line), take) for rule, take in self.rules]
            found = [(match, take) for match, take in found if match]
            if len(found) != 1 or STYLE.search(line):
                fail(f"{path}: not understood: {line}")
            try:
                found[0][1](*found[0][0].groups())
            except (AssertionError, KeyError):
                fail(f"{path}: out of place: {line}")
        assert self.inside is None
        return self.graph


def compare(name, left, right):
    if left != right:
        fail(f"{name} differ:\n  dot:     {left!r}\n  mermaid: {right!r}")


def main():
    if not shutil.which("dot"):
        print("graphviz is not installed")
        sys.exit(77)
    dot, mermaid = read_dot(sys.argv[1]), Mermaid().read(sys.argv[2])
    if len(dot.nodes) < 2 or not dot.edges:
        fail(f"{sys.argv[1]}: nothing is drawn")
    compare("clusters", dot.clusters, mermaid.clusters)
    compare("names", sorted(dot.nodes), sorted(mermaid.nodes))
    for name, (text, looks) in dot.nodes.items():
        compare(f"texts of {name}", text, mermaid.nodes[name][0])
        compare(f"looks of {name}", looks, mermaid.nodes[name][1])
    compare("edges", sorted(dot.edges), sorted(mermaid.edges))


main()
