"""Write the account of the label matrix: summary, page and figure."""

from pathlib import Path

from paintassay import __version__, account, figures, tables
from paintassay.files import read_json, sha256, write_json, write_text
from paintassay.logs import logged_to
from paintassay.provenance import software_versions

with logged_to(snakemake.log[0]):
    files, config, output = snakemake.input, snakemake.params.config, snakemake.output
    matches = tables.read_parquet(files.matches, tables.MATCHES).to_pandas()
    activities = tables.read_parquet(files.activities, tables.ACTIVITIES, ["molecule_chembl_id"])
    part_one = tables.read_parquet(files.pchembl_labels, tables.PCHEMBL_LABELS).to_pandas()
    part_two = tables.read_parquet(files.comment_labels, tables.COMMENT_LABELS).to_pandas()
    labels = tables.read_parquet(files.labels, tables.LABELS).to_pandas()
    assays = tables.read_csv(files.assays, tables.ASSAYS)

    library = read_json(files.library_account)
    matrix = account.summarise_matrix(
        labels, assays, tables.read_csv(files.compounds, tables.MATRIX_COMPOUNDS)
    )
    losses = account.summarise_losses(
        tables.read_csv(files.dropped_assays, tables.DROPPED_ASSAYS),
        tables.read_csv(files.dropped_compounds, tables.DROPPED_COMPOUNDS),
        tables.read_csv(files.conflicts, tables.CONFLICTS),
        tables.read_csv(files.ties, tables.COMMENT_TIES),
        tables.read_csv(files.unknown, tables.UNKNOWN_COMMENTS),
    )
    summary = {
        "matrix": matrix,
        "funnel": account.build_funnel(
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
        "parts": account.count_parts(part_one, part_two),
        "losses": losses,
        "config": config,
        "checksums": {
            Path(files[name]).name: sha256(files[name])
            for name in ("matches", "activities", "matrix", "compounds", "assays")
        },
        "paintassay": __version__,
        "software": software_versions("pandas", "pyarrow", "numpy", "scipy", "matplotlib"),
    }
    figure = figures.draw_data_points(
        assays, config["labels"]["min_actives"], config["labels"]["min_inactives"]
    )

    for path in (output.figure_svg, output.figure_png):
        figures.save_figure(figure, path)
    write_text(account.render_page(summary, Path(output.figure_svg).name), output.page)
    write_json(summary, output.summary)
