"""Write docs/outputs.md from the schemas of the tables."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from paintassay.chembl.tables import ACTIVITIES, LEFT_OUT, MATCHES, NEAR_MATCHES
from paintassay.compounds.tables import COMPOUNDS, DUPLICATES, LIBRARY, PROBLEMS
from paintassay.dataset.tables import (
    CELLS,
    COMPOUNDS_WITHOUT_IMAGES,
    FEATURE_WELLS,
    IMAGES_WITHOUT_LABELS,
    LOST_CELLS,
    PARTS,
    PROFILE_PROBLEMS,
    SPLITS,
    dataset_schema,
)
from paintassay.images.tables import (
    BRIGHTNESS,
    COPIES,
    LOST_VIEWS,
    PLATE_INDEX,
    PLATE_QUALITY,
    PLATED_WELLS,
    PLATES,
    QUALITY,
    UNMATCHED,
    views_schema,
)
from paintassay.labels.tables import (
    ASSAYS,
    CENSORED_VALUES,
    COMMENT_LABELS,
    COMMENT_TIES,
    CONFLICTS,
    DISCORDANT,
    DOUBTED_COMMENTS,
    DROPPED_ASSAYS,
    DROPPED_COMPOUNDS,
    LABELS,
    MATRIX_COMPOUNDS,
    PCHEMBL_BOUNDS,
    PCHEMBL_LABELS,
    PCHEMBL_MEANS,
    UNKNOWN_COMMENTS,
)
from paintassay.predictions import tables as prediction_tables
from paintassay.report.figures import tables as figure_tables
from paintassay.statistics import tables as statistics_tables
from paintassay.training.tables import ARCHITECTURES, COSTS, TIMING

INTRODUCTION = """# Outputs

All results lie in the folder that the key `results` names. Tables for programs are Parquet, tables
for people are CSV. The Parquet files also contain the meaning of each column. `python
docs/make_outputs.py` makes this page from the schemas in the modules `tables` of
`workflow/scripts/paintassay/`.

Files that are not tables:

- `labels/summary.md`: a summary of the label matrix, to read.
- `labels/summary.json`: the same for programs, with configuration, versions and checksums.
- `labels/label_matrix.mtx`: Matrix Market, compounds x tasks, +1 active, -1 inactive. The rows are
  those of `labels/compounds.csv`, the columns those of `labels/assays.csv`.
- `labels/data_points_per_assay.svg` and `labels/data_points_per_assay.png`: data points of each
  task, and their classes (the paper's Figure S4).
- `labels/pchembl_funnel.json` and `labels/comment_funnel.json`: the activities that each step
  leaves.
- `images/shards/<plate>.npy`: the views of a plate, uint8, shape (views, channels, height, width);
  see [shards.md](shards.md).
- `images/pictures/`: heat maps of the quality of each plate, a contact sheet, and one view channel
  by channel.
- `dataset/features.npy`: profiles, float32, shape (wells, features). The rows are those of
  `dataset/feature_wells.parquet`, the columns those of `dataset/feature_names.txt`.
- `training/<model>/split_<split>/replicate_<replicate>/`: one training. `weights.safetensors` has
  the weights of the best epoch, and its metadata say all that is needed to use them.
  `model_card.md` tells people what the model was trained on, with which settings, and with which
  result. `metrics.jsonl` has one JSON object an epoch: training_loss, validation_loss,
  validation_auc, evaluable_tasks.
- `state/` and `tensorboard/` beside them: where a stopped training continues, and events for
  TensorBoard (`tensorboard --logdir results/training`). A finished training needs its state only
  to continue to more epochs; delete it to save space.
- `report/index.html`: the page to read, one file, complete without a network.
- `statistics/figures/`: the paper's figures and some more, each as SVG and PNG, with its data as
  CSV.
- `statistics/problems.json`: what could not be done in the comparison, and why.
- `dataset/summary.json`: counts of views, wells and compounds, from all to those with labels.
- `compounds/summary.json` and `chembl/source.json`: counts, checksums and versions of the inputs.
- Files that end in `.counts.json`: what each join and filter has matched, as a list of objects with
  what, matched, total, example, nearest and warning. The page shows them all.
  `compounds/build_compounds.counts.json`, `chembl/activities.counts.json`,
  `labels/average_pchembl.counts.json`, `labels/vote_comments.counts.json`,
  `labels/build_label_matrix.counts.json`, `images/read_wells.counts.json`,
  `images/index/<plate>.counts.json`, `images/plates/<plate>.counts.json`,
  `images/collect_views.counts.json`, `dataset/make_splits.counts.json`,
  `dataset/build_dataset.counts.json`, `dataset/cells/<plate>.counts.json`,
  `dataset/read_profiles.counts.json`,
  `statistics/methods/<method>/score_predictions.counts.json`.
- `provenance.json`: the record of the last run: configuration, inputs with their checksums,
  digests of the code, versions, ChEMBL's release, the machine.
- `ro-crate-metadata.json`: the main files, what they are and what they were made from, as an
  [RO-Crate](https://www.researchobject.org/ro-crate/).
- `sources/`: published data that the configuration does not replace, as they were fetched. Beside
  each file, `<file>.json` has its address, size and SHA-256; see [data.md](data.md).
- `logs/` and `benchmarks/`: the log of every job, and its time and memory.
- `images/damaged_views.csv`: an empty table, left by a `snakemake verify` that found no damage.
- `.paintassay/`: what the workflow remembers of this folder. `checksums/` has the SHA-256 of every
  result but the shards, whose views have their own; in the folder of the results,
  `sha256sum --check .paintassay/checksums/labels/assays.csv` compares one. `settings.json` says
  with which settings the results were made, and `lock` belongs to the run that is at work. Keep
  this folder when you move or copy the results.
"""

# The channels of the published screen; others have columns of their own.
BRAY = ["Mito", "ERSyto", "ERSytoBleed", "Ph_golgi", "Hoechst"]

TABLES = {
    "compounds/library.parquet": LIBRARY,
    "compounds/compounds.parquet": COMPOUNDS,
    "compounds/problems.csv": PROBLEMS,
    "compounds/duplicates.csv": DUPLICATES,
    "chembl/matches.parquet": MATCHES,
    "chembl/activities.parquet": ACTIVITIES,
    "chembl/left_out.csv": LEFT_OUT,
    "chembl/near_matches.csv": NEAR_MATCHES,
    "labels/pchembl_means.parquet": PCHEMBL_MEANS,
    "labels/pchembl_labels.parquet": PCHEMBL_LABELS,
    "labels/comment_labels.parquet": COMMENT_LABELS,
    "labels/comment_ties.csv": COMMENT_TIES,
    "labels/unknown_comments.csv": UNKNOWN_COMMENTS,
    "labels/label_matrix.parquet": LABELS,
    "labels/compounds.csv": MATRIX_COMPOUNDS,
    "labels/assays.csv": ASSAYS,
    "labels/dropped_assays.csv": DROPPED_ASSAYS,
    "labels/dropped_compounds.csv": DROPPED_COMPOUNDS,
    "labels/conflicts.csv": CONFLICTS,
    "labels/pchembl_bounds.parquet": PCHEMBL_BOUNDS,
    "labels/censored_values.csv": CENSORED_VALUES,
    "labels/discordant.csv": DISCORDANT,
    "labels/doubted_comments.csv": DOUBTED_COMMENTS,
    "images/plates.csv": PLATES,
    "images/wells.parquet": PLATED_WELLS,
    "images/unmatched_compound_ids.csv": UNMATCHED,
    "images/index/<plate>.parquet": PLATE_INDEX,
    "images/index/<plate>.lost.csv": LOST_VIEWS,
    "images/plates/<plate>.views.parquet": views_schema(BRAY),
    "images/plates/<plate>.lost.csv": LOST_VIEWS,
    "images/plates/<plate>.quality.parquet": QUALITY,
    "images/plates/<plate>.copies.csv": COPIES,
    "images/views.parquet": views_schema(BRAY),
    "images/lost_views.csv": LOST_VIEWS,
    "images/missing.csv": LOST_VIEWS,
    "images/quality.parquet": QUALITY,
    "images/copies.csv": COPIES,
    "images/plate_quality.csv": PLATE_QUALITY,
    "images/brightness.csv": BRIGHTNESS,
    "dataset/views.parquet": dataset_schema(views_schema(BRAY), 3),
    "dataset/splits.parquet": SPLITS,
    "dataset/parts.csv": PARTS,
    "dataset/compounds_without_images.csv": COMPOUNDS_WITHOUT_IMAGES,
    "dataset/images_without_labels.csv": IMAGES_WITHOUT_LABELS,
    "dataset/cells/<plate>.parquet": CELLS,
    "dataset/cells/<plate>.lost.csv": LOST_CELLS,
    "dataset/feature_wells.parquet": FEATURE_WELLS,
    "dataset/feature_problems.csv": PROFILE_PROBLEMS,
}

RUN = "<model>/split_<split>/replicate_<replicate>"
TASK = "<task>"

TABLES |= {
    f"training/{RUN}/timing.csv": TIMING,
    "training/costs.csv": COSTS,
    **{f"statistics/{name}": schema for name, schema in statistics_tables.FILES.items()},
    **{f"statistics/figures/{name}": schema for name, schema in figure_tables.FILES.items()},
    "statistics/figures/s5.csv": ARCHITECTURES,
    "statistics/methods/<method>/metrics.parquet": statistics_tables.METRICS,
    "statistics/methods/<method>/excluded.csv": statistics_tables.EXCLUDED,
}
for _name, (_description, _keys, _meaning) in prediction_tables.FILES.items():
    _folder = RUN if _name.startswith("views") else "<model>/split_<split>"
    TABLES[f"predictions/{_folder}/{_name}.parquet"] = prediction_tables.prediction_schema(
        _description, _keys, [TASK], _meaning
    )


def render():
    """Give the whole page as Markdown."""
    parts = [INTRODUCTION]
    for path, schema in TABLES.items():
        description = schema.metadata[b"description"].decode()
        lines = ["| column | type | may be missing | meaning |", "| --- | --- | --- | --- |"]
        for field in schema:
            meaning = field.metadata[b"description"].decode()
            missing = "yes" if field.nullable else ""
            lines.append(f"| `{field.name}` | `{field.type}` | {missing} | {meaning} |")
        parts.append(f"## `{path}`\n\n{description}\n\n" + "\n".join(lines) + "\n")
    return "\n".join(parts).replace("list<item: ", "list<").replace("list<element: ", "list<")


if __name__ == "__main__":
    (ROOT / "docs" / "outputs.md").write_text(render(), encoding="utf-8")
