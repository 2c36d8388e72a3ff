"""Write the summary of the label matrix, for programs and for people, and its figure."""

from pathlib import Path

from paintassay.chembl.near_matches import describe_near_matches
from paintassay.chembl.tables import ACTIVITIES, LEFT_OUT, MATCHES, NEAR_MATCHES
from paintassay.core import tables
from paintassay.core.files import read_json, sha256, write_json, write_text
from paintassay.core.jobs import job
from paintassay.core.versions import __version__, software_versions
from paintassay.drawing.style import save_figure
from paintassay.labels.figure import draw_data_points
from paintassay.labels.summary import (
    build_funnel,
    count_by_kind,
    render_summary,
    summarise_doubts,
    summarise_losses,
    summarise_matrix,
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

CELL = ["inchikey", "assay_chembl_id"]

with job(snakemake.log[0], snakemake.input, snakemake.output):
    files, config, output = snakemake.input, snakemake.params.settings["config"], snakemake.output
    matches = tables.read_parquet(files.matches, MATCHES).to_pandas()
    activities = tables.read_parquet(files.activities, ACTIVITIES, ["molecule_chembl_id"])
    part_one = tables.read_parquet(files.pchembl_labels, PCHEMBL_LABELS).to_pandas()
    part_two = tables.read_parquet(files.comment_labels, COMMENT_LABELS).to_pandas()
    labels = tables.read_parquet(files.labels, LABELS).to_pandas()
    assays = tables.read_csv(files.assays, ASSAYS)

    library = read_json(files.library_summary)
    matrix = summarise_matrix(labels, assays, tables.read_csv(files.compounds, MATRIX_COMPOUNDS))
    losses = summarise_losses(
        tables.read_csv(files.dropped_assays, DROPPED_ASSAYS),
        tables.read_csv(files.dropped_compounds, DROPPED_COMPOUNDS),
        tables.read_csv(files.conflicts, CONFLICTS),
        tables.read_csv(files.ties, COMMENT_TIES),
        tables.read_csv(files.unknown, UNKNOWN_COMMENTS),
    )
    doubts = summarise_doubts(
        tables.read_csv(files.censored, CENSORED_VALUES),
        tables.read_parquet(files.bounds, PCHEMBL_BOUNDS, CELL).to_pandas(),
        tables.read_parquet(files.means, PCHEMBL_MEANS, CELL).to_pandas(),
        tables.read_csv(files.left_out, LEFT_OUT),
        tables.read_csv(files.discordant, DISCORDANT),
        tables.read_csv(files.doubted, DOUBTED_COMMENTS),
    )
    near_matches = tables.read_csv(files.near_matches, NEAR_MATCHES)
    summary = {
        "matrix": matrix,
        "funnel": build_funnel(
            library,
            matches,
            activities.to_pandas(),
            set(part_one["inchikey"]) | set(part_two["inchikey"]),
            matrix,
        ),
        "library": library,
        "chembl": read_json(files.source),
        "pchembl_funnel": read_json(files.pchembl_funnel),
        "comment_funnel": read_json(files.comment_funnel),
        "parts": count_by_kind(part_one, part_two),
        "losses": losses,
        **doubts,
        "near_matches": describe_near_matches(near_matches),
        "config": config,
        "checksums": {
            Path(files[name]).name: sha256(files[name])
            for name in ("matches", "activities", "matrix", "compounds", "assays")
        },
        "paintassay": __version__,
        "software": software_versions("pandas", "pyarrow", "numpy", "scipy", "matplotlib"),
    }
    figure = draw_data_points(
        assays, config["labels"]["min_actives"], config["labels"]["min_inactives"]
    )

    for path in (output.figure_svg, output.figure_png):
        save_figure(figure, path)
    write_text(render_summary(summary, Path(output.figure_svg).name), output.page)
    write_json(summary, output.summary)
