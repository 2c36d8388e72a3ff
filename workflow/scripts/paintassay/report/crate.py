"""Describe the results as an RO-Crate: files, what they are, and what made them, for archives.

Follows RO-Crate (https://w3id.org/ro/crate) with the profile of process runs
(https://w3id.org/ro/wfrun/process): one action has the workflow as its instrument, the inputs as
objects and the files as results.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rocrate.rocrate import ROCrate

from paintassay.core.files import PathLike, sha256

# What the files are that go into the crate, by their names.
DESCRIPTIONS = {
    "index.html": "the page of the report, to read in a browser",
    "label_matrix.mtx": "label matrix, Matrix Market: compounds x columns, +1 active, -1 inactive",
    "label_matrix.parquet": "the same, one row a label",
    "compounds.csv": "compounds of the label matrix, in the order of its rows",
    "assays.csv": "columns of the label matrix, in their order",
    "summary.md": "how the label matrix came about, to read",
    "splits.parquet": "part of each compound in each split",
    "views.parquet": "every view with its shard, checksum, compound and parts",
    "weights.safetensors": "weights of a network",
    "model_card.md": "what that network was trained on, with which settings, to what end",
    "ensemble.parquet": "predictions for compounds, mean over views and replicates",
    "tasks.parquet": "metrics of each method and task",
    "summary.csv": "the methods side by side",
    "wilcoxon.csv": "Wilcoxon's test between each two methods",
    "roc_tests.parquet": "tests between ROC curves, task by task",
}
LICENCE = (
    "Labels derive from ChEMBL, CC BY-SA 3.0 (https://creativecommons.org/licenses/by-sa/3.0/). "
    "What shows images is under the licence of the screen."
)
PROCESS_RUN = "https://w3id.org/ro/wfrun/process/0.5"
MEDIA_TYPES = {
    ".csv": "text/csv",
    ".html": "text/html",
    ".json": "application/json",
    ".md": "text/markdown",
    ".mtx": "text/plain",
    ".npy": "application/octet-stream",
    ".parquet": "application/vnd.apache.parquet",
    ".safetensors": "application/octet-stream",
}


def describe_crate(
    results: PathLike, files: Sequence[str], inputs: Mapping[str, str], version: str
) -> dict[str, Any]:
    """Describe the results as an RO-Crate.

    Parameters
    ----------
    results : str or Path
        Folder of the results, which becomes the crate.
    files : list of str
        Files in `results`, with names that are in `DESCRIPTIONS`; the first is the one to open.
    inputs : dict of str to str
        Descriptions of the inputs outside of the crate, by path or URL.
    version : str
        Of the workflow.

    Returns
    -------
    dict
        The content of ro-crate-metadata.json (JSON-LD).
    """
    crate = ROCrate()
    crate.name = "Biological assays predicted from Cell Painting images"
    crate.description = (
        "Labels, dataset, networks, predictions and their comparison, made by the workflow "
        "paintassay after Hofmarcher et al. 2019 (https://doi.org/10.1021/acs.jcim.8b00670)."
    )
    crate.license = LICENCE
    profile = crate.add_jsonld(
        {"@id": PROCESS_RUN, "@type": "CreativeWork", "name": "Process Run Crate"}
    )
    crate.root_dataset["conformsTo"] = profile
    workflow = crate.add_jsonld(
        {
            "@id": "#paintassay",
            "@type": "SoftwareApplication",
            "name": "paintassay",
            "version": version,
        }
    )
    objects = [
        crate.add_jsonld(
            {
                "@id": f"#input-{number}",
                "@type": "CreativeWork",
                "name": path,
                "description": description,
            }
        )
        for number, (path, description) in enumerate(inputs.items(), 1)
    ]
    file_entities = [
        crate.add_file(
            path,
            dest_path=Path(path).relative_to(results).as_posix(),
            properties={
                "description": DESCRIPTIONS[Path(path).name],
                "encodingFormat": MEDIA_TYPES[Path(path).suffix],
                "contentSize": str(Path(path).stat().st_size),
                "sha256": sha256(path),
            },
        )
        for path in files
    ]
    crate.mainEntity = file_entities[0]
    crate.add_action(
        workflow,
        identifier="#run",
        object=objects,
        result=file_entities,
        properties={"name": "One run of the workflow", "@type": "CreateAction"},
    )
    return crate.metadata.generate()
