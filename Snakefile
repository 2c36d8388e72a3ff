# paintassay: from a compound library and Cell Painting plates to predicted assays.
#
#   snakemake --cores 32 --use-conda                      everything
#   snakemake labels --cores 32 --use-conda               the label matrix and its summary
#   snakemake dataset --cores 32 --use-conda              shards, quality control, dataset
#   snakemake models --cores 32 --use-conda               the trained models
#   snakemake predictions --cores 32 --use-conda          their predictions
#   snakemake statistics --cores 32 --use-conda           models and other tools compared
#   snakemake report --cores 32 --use-conda               the page to read
#   snakemake verify --cores 32 --use-conda               every byte of the results, read again
#   snakemake --cores 2 --configfile config/demo.yaml     the embedded demo screen
#
# Beside this file Snakemake finds profiles/default by itself; the workflow is in its own folder.


include: "workflow/Snakefile"


# An include keeps the default target of the file that includes.
workflow.default_target = "all"
