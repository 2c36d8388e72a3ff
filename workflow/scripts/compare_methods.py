"""Compare all methods: write the tables of the comparison and the problems that it had."""

from dataclasses import asdict
from itertools import product

import pandas as pd

from paintassay.compounds.tables import COMPOUNDS
from paintassay.core import tables
from paintassay.core.files import write_json
from paintassay.core.jobs import job
from paintassay.dataset.tables import SPLITS
from paintassay.labels.reading import read_labels
from paintassay.statistics import methods
from paintassay.statistics.compare import compare
from paintassay.statistics.tables import EXCLUDED, FILES, METRICS
from paintassay.statistics.tools import find_other_parts, read_tool

with job(snakemake.log[0]):
    files, settings, output = snakemake.input, snakemake.params.settings, snakemake.output
    labels = read_labels(files.labels, files.assays)
    splits = tables.read_parquet(files.splits, SPLITS).to_pandas()
    library = tables.read_parquet(files.library, COMPOUNDS, ["inchikey"])
    compounds = library["inchikey"].to_pylist()

    test_parts, other_parts = {}, []
    models = product(settings["models"], settings["splits"])
    for (model, split), path in zip(models, files.compounds, strict=True):
        predictions = methods.read_model("compounds", path, split, labels.tasks)
        test_parts.setdefault(model, {}).update(methods.parts_by_run(predictions, labels))
    for tool, path in zip(settings["tools"], files.predictions, strict=True):
        predictions = read_tool(path, labels.tasks, splits, compounds)["compounds"]
        test_parts[tool] = methods.parts_by_run(predictions, labels)
        other_parts += find_other_parts(tool, predictions.keys, splits)
    metrics = pd.concat(tables.read_parquet(path, METRICS).to_pandas() for path in files.metrics)
    excluded = pd.concat(tables.read_csv(path, EXCLUDED) for path in files.excluded)

    compared, problems = compare(
        metrics,
        test_parts,
        labels,
        settings["resamples"],
        settings["permutations"],
        settings["seed"],
    )
    compared |= {"metrics": metrics, "excluded": excluded}
    for name, schema in FILES.items():
        key, ending = name.split(".")
        write = tables.write_csv if ending == "csv" else tables.write_parquet
        write(compared[key], output[key], schema)
    write_json([asdict(problem) for problem in other_parts + problems], output.problems)
