"""The tables beside the figures: what each figure shows, in the folder statistics/figures."""

import pyarrow as pa

from paintassay.core.tables import integer, real, table_schema, text

_METHOD = ("method", text, "model or other tool")
_TASK = ("task", text, "column of the label matrix")
_ASSAY = [
    _TASK,
    ("assay", text, "what was measured"),
    ("source", text, "ChEMBL assay, and what makes a compound active"),
]
_LEVEL = ("level", text, "wells or compounds: what is one sample")
_RUN = [
    ("split", integer, "number of the split, from 1"),
    ("replicate", integer, "replicate of the method, from 1"),
]
_AUC = ("auc", real, "mean AUC over the runs", "optional")

FIG4 = table_schema(
    "Figure 4: two methods, assay by assay, by compound.",
    *_ASSAY,
    ("first", text, "method on the horizontal axis"),
    ("second", text, "method on the vertical axis"),
    *_RUN,
    ("auc_first", real, "AUC of the first method"),
    ("auc_second", real, "AUC of the second method"),
    ("pvalue", real, "Venkatraman's permutation test, two-sided, uncorrected", "optional"),
    ("benjamini_hochberg", real, "the same, corrected over these assays", "optional"),
    ("outcome", text, "first, second: the better one, p < 0.05; equal: p < 0.05, but the areas are "
        "the same; none"),
    ("corrected", pa.bool_(), "whether benjamini_hochberg < 0.05"),
    ("number", integer, "number in the figure", "optional"),
)  # fmt: skip

DISTRIBUTION = table_schema(
    "The distribution of AUCs behind Table 1.", _METHOD, _LEVEL, _TASK, _AUC
)

S1 = table_schema(
    "Figure S1: further measures, means over the runs.",
    _METHOD, _LEVEL, _TASK,
    ("measure", text, "which measure"),
    ("value", real, "mean over the runs"),
)  # fmt: skip

RELATION = table_schema(
    "Figures S2 and S3: AUC and labels.",
    _METHOD, _LEVEL, _TASK,
    ("data_points", integer, "labelled compounds of the whole label matrix"),
    ("class_ratio", real, "active compounds per inactive compound", "optional"),
    _AUC,
)  # fmt: skip

S6 = table_schema(
    "Figure S6: 95 % bootstrap intervals of the AUCs of one run, by compound.",
    ("place", integer, "place in the figure, from 1"),
    _TASK, _METHOD, *_RUN,
    ("auc", real, "AUC", "optional"),
    ("low", real, "lower end", "optional"),
    ("high", real, "upper end", "optional"),
    ("low_stratified", real, "lower end, actives and inactives drawn apart", "optional"),
    ("high_stratified", real, "upper end, actives and inactives drawn apart", "optional"),
)  # fmt: skip

TRAINING_CURVES = table_schema(
    "How each network was trained.",
    _METHOD, *_RUN,
    ("epoch", integer, "number of the epoch, from 1"),
    ("training_loss", real, "mean loss on the training part", "optional"),
    ("validation_loss", real, "mean loss on the validation part", "optional"),
    ("validation_auc", real, "mean AUC over the tasks of the validation part", "optional"),
    ("kept", pa.bool_(), "whether the weights of this epoch were kept"),
)  # fmt: skip

VIEW = [
    ("compound_id", text, "the library's identifier", "optional"),
    ("plate", text, "plate barcode"),
    ("well", text, "well, such as A01"),
    ("site", integer, "field of view within the well"),
]
_SHOWN = [
    ("kind", text, "active or inactive, by its label"),
    ("inchikey", text, "standard InChIKey of the compound"),
    *VIEW,
]

FIG2 = table_schema(
    "Figure 2: views of active and of inactive compounds.",
    *_ASSAY,
    ("method", text, "method whose AUC is given"),
    ("auc", real, "its mean AUC over the runs, by compound"),
    ("actives", integer, "active compounds of the label matrix"),
    ("inactives", integer, "inactive ones"),
    *_SHOWN,
)

FIG5 = table_schema(
    "Figure 5: views of test compounds that the first method is most certain of, and right.",
    *_ASSAY,
    ("first", text, "method that is better in this assay"),
    ("second", text, "method that it is compared with"),
    ("split", integer, "number of the split, from 1"),
    ("replicate", integer, "replicate of both methods, from 1"),
    ("auc_first", real, "AUC of the first method"),
    ("auc_second", real, "AUC of the second method"),
    ("pvalue", real, "Venkatraman's permutation test, two-sided, uncorrected", "optional"),
    *_SHOWN,
    ("score_first", real, "prediction of the first method"),
    ("score_second", real, "prediction of the second method", "optional"),
)

VIEW_CHANNELS = table_schema(
    "One view channel by channel.", *VIEW, ("channel", text, "name of the channel")
)

FILES = {
    "fig2.csv": FIG2,
    "fig4.csv": FIG4,
    "fig5.csv": FIG5,
    "auc_distribution.csv": DISTRIBUTION,
    "s1.csv": S1,
    "s2.csv": RELATION,
    "s3.csv": RELATION,
    "s6.csv": S6,
    "training_curves.csv": TRAINING_CURVES,
    "view_channels.csv": VIEW_CHANNELS,
}
