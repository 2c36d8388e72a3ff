"""Draw the pictures of the documentation: the graph of the rules, and the top of the demo's page.

Needs a demo that has run (`make demo`), Graphviz's `dot` and a Chromium: `make pictures`.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import networkx
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "docs" / "pictures"
# Stages by the file of their rules: title and colour (light tones of Paul Tol's palette).
STAGES = {
    "demo": ("the demo's data", "#dddddd"),
    "sources": ("sources", "#eedd88"),
    "compounds": ("compounds", "#eedd88"),
    "chembl": ("ChEMBL", "#eedd88"),
    "labels": ("labels", "#eedd88"),
    "images": ("images", "#99ddff"),
    "dataset": ("dataset", "#44bb99"),
    "training": ("training", "#ffaabb"),
    "predictions": ("predictions", "#ffaabb"),
    "statistics": ("statistics", "#bbcc33"),
    "report": ("report", "#ee8866"),
}


def rule_graph():
    """Rules of the demo that run a script, an edge from each to those that read its output."""
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--rulegraph", "dot"]
    command += ["--configfile", "config/demo.yaml"]
    text = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    names = dict(re.findall(r'(\d+)\[label = "(\w+)', text))
    graph = networkx.DiGraph(
        (names[one], names[other]) for one, other in re.findall(r"(\d+) -> (\d+)", text)
    )
    stages = stages_of_rules()
    graph.remove_nodes_from([name for name in graph if name not in stages])
    # That the matrix reads the compounds goes without saying where its labels do.
    return networkx.transitive_reduction(graph)


def stages_of_rules():
    """Stage of every rule that runs a script."""
    stages = {}
    for stage in STAGES:
        text = (ROOT / "workflow" / "rules" / f"{stage}.smk").read_text()
        _, *parts = re.split(r"^ *(?:rule|checkpoint) (\w+):$", text, flags=re.M)
        stages |= {
            rule: stage
            for rule, body in zip(parts[::2], parts[1::2], strict=True)
            if "script:" in body
        }
    return stages


def draw_rule_graph(graph, path):
    """Draw the graph as SVG, the rules of a stage together."""
    stages = stages_of_rules()
    lines = [
        "digraph rules {",
        'graph [nodesep=0.15, ranksep=0.3, fontname="sans-serif", fontsize=13]',
        'node [shape=box, style="rounded,filled", color=white, fontname="sans-serif", fontsize=12]',
        'edge [color="#555555", arrowsize=0.6]',
    ]
    for stage, (title, colour) in STAGES.items():
        rules = [
            f'"{rule}" [fillcolor="{colour}"]' for rule in sorted(graph) if stages[rule] == stage
        ]
        style = 'style=rounded; color="#999999"'
        lines += [f'subgraph "cluster_{stage}" {{ label="{title}"; {style};', *rules, "}"]
    lines += [f'"{one}" -> "{other}"' for one, other in sorted(graph.edges)]
    program = shutil.which("dot")
    if program is None:
        sys.exit("Error: dot is not there\nHint: install Graphviz")
    subprocess.run(
        [program, "-Tsvg", "-o", path], input="\n".join([*lines, "}"]), text=True, check=True
    )


def draw_page(page, path, width=1280, height=900):
    """Take the picture of the top of a page, in CSS pixels."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        tab = browser.new_page(viewport={"width": width, "height": height})
        tab.goto(page.as_uri())
        tab.screenshot(path=path)
        browser.close()


if __name__ == "__main__":
    PICTURES.mkdir(exist_ok=True)
    draw_rule_graph(rule_graph(), PICTURES / "rules.svg")
    draw_page(ROOT / "results" / "demo" / "report" / "index.html", PICTURES / "page.png")
