# paintassay: from a compound library and Cell Painting plates to predicted assays.
#
#   snakemake --cores 32 --use-conda                      everything
#   snakemake labels --cores 32 --use-conda               the label matrix and its account
#   snakemake dataset --cores 32 --use-conda              shards, quality control, dataset
#   snakemake models --cores 32 --use-conda               the trained networks
#   snakemake predictions --cores 32 --use-conda          their predictions
#   snakemake statistics --cores 32 --use-conda           models and other tools compared
#   snakemake report --cores 32 --use-conda               the page to read
#   snakemake verify_shards --cores 32 --use-conda        every byte of the shards, read again
#   snakemake --cores 2 --configfile config/demo.yaml     the embedded demo screen

from snakemake.utils import min_version

min_version("9.0")


# Beside this file, from whichever folder Snakemake is called.
configfile: f"{workflow.basedir}/config/config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/overlooked.smk"
include: "workflow/rules/inputs.smk"
include: "workflow/rules/retrieve.smk"
include: "workflow/rules/demo.smk"
include: "workflow/rules/compounds.smk"
include: "workflow/rules/chembl.smk"
include: "workflow/rules/labels.smk"
include: "workflow/rules/images.smk"
include: "workflow/rules/dataset.smk"
include: "workflow/rules/networks.smk"
include: "workflow/rules/models.smk"
include: "workflow/rules/statistics.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/provenance.smk"


rule all:
    default_target: True
    input:
        rules.labels.input,
        rules.dataset.input,
        rules.predictions.input,
        rules.statistics.input,
        rules.figures.input,
        rules.report.input,
        rules.build_crate.output,
    localrule: True


# Last, when every rule is there.
for each in workflow.rules:
    name_params(each)
