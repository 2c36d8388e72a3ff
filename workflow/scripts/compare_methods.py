"""Compare all methods: the tables of the whole comparison, and what could not be done."""

from itertools import product

import pandas as pd

from paintassay import comparison_tables, methods, tables
from paintassay.comparison import compare
from paintassay.files import write_json
from paintassay.image_tables import SPLITS
from paintassay.logs import logged_to
from paintassay.samples import read_labels
from paintassay.tool_predictions import find_other_parts, read_tool

with logged_to(snakemake.log[0]):
    files, params, output = snakemake.input, snakemake.params, snakemake.output
    labels = read_labels(files.labels, files.assays)
    splits = tables.read_parquet(files.splits, SPLITS).to_pandas()
    library = tables.read_parquet(files.library, tables.COMPOUNDS, ["inchikey"])
    compounds = library["inchikey"].to_pylist()

    parts, other_parts = {}, []
    models = product(params.models, params.splits)
    for (model, split), path in zip(models, files.compounds, strict=True):
        predictions = methods.read_model("compounds", path, split, labels.tasks)
        parts.setdefault(model, {}).update(methods.parts_by_run(predictions, labels))
    for tool, path in zip(params.tools, files.predictions, strict=True):
        predictions = read_tool(path, labels.tasks, splits, compounds)["compounds"]
        parts[tool] = methods.parts_by_run(predictions, labels)
        other_parts += find_other_parts(tool, predictions.keys, splits)
    metrics = pd.concat(
        tables.read_parquet(path, comparison_tables.METRICS).to_pandas() for path in files.metrics
    )
    excluded = pd.concat(
        tables.read_csv(path, comparison_tables.EXCLUDED) for path in files.excluded
    )

    compared, problems = compare(
        metrics, parts, labels, params.replicates, params.permutations, params.seed
    )
    compared |= {"metrics": metrics, "excluded": excluded}
    for name, schema in comparison_tables.FILES.items():
        table, place = compared[name.partition(".")[0]], output[name.partition(".")[0]]
        write = tables.write_csv if name.endswith(".csv") else tables.write_parquet
        write(table, place, schema)
    write_json(other_parts + problems, output.problems)
