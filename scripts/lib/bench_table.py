# SPDX-License-Identifier: MIT
"""Figures from samples, and the figures as text, as Markdown and as JSON.

A ratio is the median of the ratios of the rounds, each to the native run of the same
round, so that a machine that gets slower gets slower for both."""

import math
import statistics
from dataclasses import dataclass, field

from bench_model import CONTROL, NATIVE, TRACKER, Row, Target

MEAN_KEY = "program-mean"
MEAN_TARGET = Target(TRACKER, 1.15)


def quartiles(values):
    """(first quartile, median, third quartile)"""
    if len(values) < 2:
        return values[0], values[0], values[0]
    return tuple(statistics.quantiles(values, n=4, method="inclusive"))


@dataclass
class Figures:
    """One row of the table: what each contestant's samples say."""

    row: Row
    section: str
    by_name: dict = field(default_factory=dict)
    failed: dict = field(default_factory=dict)  # name -> why
    blind: tuple = ()  # contestants that do not see what this row is about
    verdicts: list = field(default_factory=list)


def pair(values, native, combine):
    """The combination of each sample with the native one of its round."""
    return [combine(value, base) for value, base in zip(values, native)
            if value is not None and base is not None]


def describe(values, native):
    figures = dict(zip(("q1", "median", "q3"), quartiles(list(filter(known, values)))))
    ratios = pair(values, native, lambda value, base: value / base if base else math.nan)
    if ratios and not any(map(math.isnan, ratios)):
        figures |= dict(zip(("ratio_q1", "ratio", "ratio_q3"), quartiles(ratios)))
        figures["added"] = statistics.median(
            pair(values, native, lambda value, base: value - base))
    figures["samples"] = len(list(filter(known, values)))
    return figures


def known(value):
    return value is not None


def make_figures(row, section, samples, failed, contestants):
    """`samples` maps a contestant's name to its list, one for each round, None for none."""
    figures = Figures(row, section, failed=failed, blind=tuple(
        contestant.name for contestant in contestants if row.kind not in contestant.sees))
    native = samples.get(NATIVE, [])
    for name, values in samples.items():
        if any(map(known, values)):
            figures.by_name[name] = describe(values, native)
    figures.verdicts = list(judge(figures))
    return figures


def make_mean(all_figures):
    """The geometric mean over the programs, for whom all of them ran."""
    programs = [figures for figures in all_figures if figures.section == "programs"
                and figures.row.key.startswith("program-")]
    mean = Figures(Row(MEAN_KEY, f"geometric mean of {len(programs)} programs", "",
                       (MEAN_TARGET,)), "programs")
    for name in programs[0].by_name if programs else ():
        ratios = [figures.by_name.get(name, {}).get("ratio") for figures in programs]
        if all(map(known, ratios)):
            value = statistics.geometric_mean(ratios)
            mean.by_name[name] = {"median": value, "q1": value, "q3": value, "ratio": value}
    mean.verdicts = list(judge(mean))
    return mean


# ---- targets ----

FIGURE_OF = {"ratio": "ratio", "value": "median", "added": "added"}


def plain(value):
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def show(value, on, unit):
    if on == "ratio":
        return f"{value:.2f}x"
    text = plain(value)
    if on == "added":
        text = "+" * (value >= 0) + text
    return f"{text} {unit}".rstrip() if unit != "x" else f"{value:.2f}x"


def judge(figures):
    for target in figures.row.targets:
        key = FIGURE_OF[target.on]
        value = figures.by_name.get(target.who, {}).get(key)
        limit = target.limit
        if target.like:
            like = figures.by_name.get(target.like, {}).get(key)
            limit = like and like * target.limit
        if value is None or limit is None:
            continue
        met = value >= limit if target.at_least else value <= limit
        wanted = ("≥ " if target.at_least else "") + show(limit, target.on, figures.row.unit)
        missed_by = show(abs(value - limit), target.on, figures.row.unit).lstrip("+")
        yield {"who": target.who, "on": target.on, "limit": limit, "value": value, "met": met,
               "text": f"{wanted}: " + ("met" if met else f"MISSED by {missed_by}")}


# ---- text ----


def print_text(figures):
    print(f"\n{figures.row.label}  ({figures.row.key})")
    unit = figures.row.unit
    for name, told in figures.by_name.items():
        notes = [f"target {verdict['text']}" for verdict in figures.verdicts
                 if verdict["who"] == name]
        if name in figures.blind:
            notes.append(f"sees no {figures.row.kind}")
        if name in figures.failed:
            notes.append(figures.failed[name])
        spread = f"[{plain(told['q1'])} .. {plain(told['q3'])}]"
        print(f"  {name:25} {plain(told['median']):>10} {unit:6} {spread:22} "
              f"{compare(figures.row, told):>12}  {'; '.join(notes)}".rstrip())
    for name, why in figures.failed.items():
        if name not in figures.by_name:
            print(f"  {name:25} {'-':>10} {why}")


def compare(row, told):
    if row.shows == "value" or "ratio" not in told:
        return ""
    return show(told["ratio" if row.shows == "ratio" else "added"], row.shows, row.unit)


def tell_control(all_figures):
    """How far two runs of the same thing are from each other on this machine now."""
    ratios = [figures.by_name[CONTROL]["ratio"] for figures in all_figures
              if figures.row.shows == "ratio" and "ratio" in figures.by_name.get(CONTROL, {})]
    if not ratios:
        return "A/A control: none"
    return f"A/A control: native to native is {min(ratios):.2f}x to {max(ratios):.2f}x"


# ---- Markdown ----


def cell(figures, name):
    told = figures.by_name.get(name)
    if told is None:
        return figures.failed.get(name, "")
    if name == NATIVE or figures.row.shows == "value":
        value = "1.00x" if figures.row.key == MEAN_KEY else show(
            told["median"], "value", figures.row.unit)
    else:
        value = compare(figures.row, told)
    return value + (f" (no {figures.row.kind}s)" if name in figures.blind else "")


def target_cell(figures):
    own = [f"{verdict['who'].removeprefix(TRACKER).strip()} {verdict['text']}".strip()
           for verdict in figures.verdicts]
    return "; ".join(own)


def print_markdown(all_figures):
    for section in dict.fromkeys(figures.section for figures in all_figures):
        rows = [figures for figures in all_figures if figures.section == section]
        names = list(dict.fromkeys(name for figures in rows
                                   for name in (*figures.by_name, *figures.failed)))
        names.sort(key=lambda name: name != NATIVE)
        print(f"\n| {section} | {' | '.join(names)} | target |")
        print("|---" * (len(names) + 2) + "|")
        for figures in rows:
            cells = [cell(figures, name) for name in names]
            print(f"| {figures.row.label} | {' | '.join(cells)} | {target_cell(figures)} |")


# ---- JSON ----


def to_json(figures):
    return {"label": figures.row.label, "unit": figures.row.unit, "section": figures.section,
            "shows": figures.row.shows, "contestants": figures.by_name,
            "failed": figures.failed, "targets": figures.verdicts}
