"""How the benchmarks tell their figures: as a table to read, and as JSON."""

import json


def figure_table(lines, figures):
    """Markdown table of (name, format of the value, goal), the values taken from `figures`."""
    rows = ["| figure | measured | goal |", "| --- | ---: | ---: |"]
    rows += [f"| {name} | {value.format(**figures)} | {goal} |" for name, value, goal in lines]
    return "\n".join(rows)


def write_figures(figures, path):
    """Write the figures as JSON, if there is a path."""
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(figures, indent=2) + "\n")
