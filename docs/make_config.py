"""Write config/README.md from the schema of the configuration and its defaults."""

from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]

INTRODUCTION = """# The configuration

`config.yaml` holds every key with its default, which is the published study. Write a file of your
own with only the keys that differ, and name it on the command line:

```console
snakemake labels --cores 8 --configfile my.yaml
```

A key that does not exist is an error that names the nearest one that does. Paths are relative to
the working directory; `~` at their beginning is your home folder. Lists replace the default list;
blocks are merged key by key. On the command line a block is written as JSON:
`--config 'labels={"min_actives": 3}'`. This page is made by `python docs/make_config.py` from
`workflow/schemas/config.schema.yaml`.
"""


def render():
    """The text of config/README.md."""
    schema = yaml.safe_load((ROOT / "workflow" / "schemas" / "config.schema.yaml").read_text())
    defaults = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    pages = [INTRODUCTION]
    for name, block in schema["properties"].items():
        pages.append(f"\n## {block['title']}\n")
        # What a block says, a single key says in the table.
        if "x-change-when" not in block and "description" in block:
            pages.append(f"\n{block['description']}\n")
        pages.append("\n| key | default | meaning | change it when |\n| --- | --- | --- | --- |\n")
        if name == "models":
            keys = schema["$defs"]["model"]["properties"].items()
            pages += [row(f"models.<name>.{key}", "", each) for key, each in keys]
        else:
            pages += rows(name, block, defaults[name])
    return "".join(pages)


def rows(key, schema, default):
    """Table rows of a key, or of all keys of a block."""
    if "properties" not in schema:
        return [row(key, f"`{shown(default)}`", schema)]
    return [
        line
        for name, each in schema["properties"].items()
        for line in rows(f"{key}.{name}", each, default[name])
    ]


def row(key, default, schema):
    """One row of the table."""
    return f"| `{key}` | {default} | {schema['description']} | {schema['x-change-when']} |\n"


def shown(value):
    """A value as it is written in YAML, on one line."""
    text = yaml.safe_dump(value, default_flow_style=True, width=1000, sort_keys=False)
    return text.removesuffix("...\n").strip()


if __name__ == "__main__":
    (ROOT / "config" / "README.md").write_text(render())
