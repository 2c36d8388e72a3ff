"""Describe the tables of the labels."""

import pyarrow as pa
import pyarrow.csv

from paintassay.core.tables import Among, count, integer, real, table_schema, text

PCHEMBL_MEANS = table_schema(
    "Part one before thresholds: the mean pChEMBL value of each compound in each assay.",
    ("inchikey", text, "standard InChIKey of the library's compound"),
    ("assay_chembl_id", text, "ChEMBL assay"),
    ("pchembl_mean", real, "mean pChEMBL value, rounded to six decimals"),
    ("values", integer, "how many values are averaged"),
    ("pchembl_least", real, "least of them"),
    ("pchembl_most", real, "largest of them"),
    ("activity_ids", pa.list_(integer), "the ChEMBL activities behind it, ascending"),
)

PCHEMBL_BOUNDS = table_schema(
    "Part one: what censored values (> and <) say of the pChEMBL value of compounds in assays.",
    ("inchikey", text, "standard InChIKey of the library's compound"),
    ("assay_chembl_id", text, "ChEMBL assay"),
    ("pchembl_below", real, "the pChEMBL value is below this, by values with >", "optional"),
    ("pchembl_above", real, "the pChEMBL value is at least this, by values with <", "optional"),
    ("values", integer, "how many censored values there are"),
    ("activity_ids", pa.list_(integer), "the ChEMBL activities behind it, ascending"),
)

CENSORED_VALUES = table_schema(
    "Activities whose value is only known to be larger or smaller, most frequent first.",
    ("standard_type", text, "kind of measurement: IC50, EC50, ...", "optional"),
    ("standard_relation", text, "<, >, ..."),
    ("standard_units", text, "unit of the value", "optional"),
    ("activities", integer, "how many activities are so"),
    ("usable", integer, "of them, how many can label: molar, of a type in labels.standard_types"),
)

DISCORDANT = table_schema(
    "Compounds and assays whose measurements disagree; the mean labels them all the same.",
    ("inchikey", text, "standard InChIKey of the library's compound"),
    ("assay_chembl_id", text, "ChEMBL assay"),
    ("pchembl_mean", real, "mean pChEMBL value", "optional"),
    ("values", integer, "how many values are averaged"),
    ("pchembl_least", real, "least of them", "optional"),
    ("pchembl_most", real, "largest of them", "optional"),
    ("pchembl_below", real, "the pChEMBL value is below this, by values with >", "optional"),
    ("pchembl_above", real, "the pChEMBL value is at least this, by values with <", "optional"),
    ("reason", text, "how they disagree, separated by ;"),
    ("activity_ids", text, "the ChEMBL activities behind it, separated by ;"),
)

PCHEMBL_LABELS = table_schema(
    "Part one: a label for each compound, assay and threshold.",
    ("inchikey", text, "standard InChIKey of the library's compound"),
    ("assay_chembl_id", text, "ChEMBL assay"),
    ("threshold", real, "pChEMBL value from which on a compound is active"),
    ("label", pa.int8(), "+1 active, -1 inactive", Among((1, -1))),
    ("pchembl_mean", real, "mean pChEMBL value; missing if censored values decide", "optional"),
    ("activity_ids", pa.list_(integer), "the ChEMBL activities behind it, ascending"),
)

COMMENT_LABELS = table_schema(
    "Part two: the majority of the activity comments on each compound in each assay.",
    ("inchikey", text, "standard InChIKey of the library's compound"),
    ("assay_chembl_id", text, "ChEMBL assay"),
    ("label", pa.int8(), "+1 active, -1 inactive", Among((1, -1))),
    ("active_votes", integer, "comments that say active", count),
    ("inactive_votes", integer, "comments that say inactive", count),
    ("activity_ids", pa.list_(integer), "the ChEMBL activities that voted, ascending"),
)

COMMENT_TIES = table_schema(
    "Compounds and assays with as many active as inactive comments: no label.",
    ("inchikey", text, "standard InChIKey of the library's compound"),
    ("assay_chembl_id", text, "ChEMBL assay"),
    ("votes", integer, "comments on either side", count),
    ("activity_ids", text, "the ChEMBL activities that voted, separated by ;"),
)

UNKNOWN_COMMENTS = table_schema(
    "Activity comments that the comment table does not list, most frequent first.",
    ("comment", text, "normalised: stripped, case folded, blanks collapsed"),
    ("activities", integer, "how many activities carry it", count),
    ("example", text, "one of its spellings, as written"),
)

DOUBTED_COMMENTS = table_schema(
    "Comments that mean active or inactive on activities that ChEMBL doubts, most frequent first.",
    ("data_validity_comment", text, "ChEMBL's doubt, such as Author confirmed error"),
    ("comment", text, "the comment, normalised: stripped, case folded, blanks collapsed"),
    ("label", text, "what it means: active or inactive"),
    ("activities", integer, "how many activities carry both"),
)

LABELS = table_schema(
    "The label matrix: one row a label, sorted by compound and task.",
    ("inchikey", text, "standard InChIKey of the library's compound"),
    ("task", text, "name of the task, as in the table of assays"),
    ("label", pa.int8(), "+1 active, -1 inactive", Among((1, -1))),
)

ASSAYS = table_schema(
    "The tasks: the columns of the label matrix, in its order.",
    ("ASSAY_ID", integer, "ChEMBL's internal assay number; not in the web service", "optional"),
    ("ASSAY_CHEMBL_ID", text, "ChEMBL assay"),
    (
        "KIND",
        text,
        "pchembl: part one, a threshold; comment: part two, the majority of comments",
        Among(("pchembl", "comment")),
    ),
    ("THRESHOLD", real, "pChEMBL value from which on a compound is active", "optional"),
    ("ACTIVES", integer, "active compounds", count),
    ("INACTIVES", integer, "inactive compounds", count),
    ("TASK", text, "name of the task"),
    ("ASSAY_TYPE", text, "B binding, F functional, A ADMET, T toxicity, P, U", "optional"),
    ("TARGET_CHEMBL_ID", text, "ChEMBL target of the assay", "optional"),
    ("TARGET_NAME", text, "preferred name of the target", "optional"),
    ("TARGET_ORGANISM", text, "organism of the target", "optional"),
    ("DESCRIPTION", text, "what was measured", "optional"),
)

MATRIX_COMPOUNDS = table_schema(
    "The rows of the label matrix, in its order.",
    ("INDEX", integer, "row of the label matrix, counted from 0", count),
    ("INCHIKEY", text, "standard InChIKey"),
)

DROPPED_ASSAYS = table_schema(
    "Columns with labels that did not enter the label matrix.",
    ("task", text, "name of the task"),
    ("assay_chembl_id", text, "ChEMBL assay"),
    ("kind", text, "pchembl or comment"),
    ("threshold", real, "pChEMBL threshold", "optional"),
    ("actives", integer, "active compounds", count),
    ("inactives", integer, "inactive compounds", count),
    ("reason", text, "why it was dropped"),
)

DROPPED_COMPOUNDS = table_schema(
    "Compounds of the library that did not enter the label matrix.",
    ("inchikey", text, "standard InChIKey"),
    ("compound_ids", text, "the library's identifiers, separated by ;"),
    ("reason", text, "where it was lost"),
)

CONFLICTS = table_schema(
    "Compounds and assays on which the two parts contradict each other.",
    ("inchikey", text, "standard InChIKey of the library's compound"),
    ("assay_chembl_id", text, "ChEMBL assay"),
    (
        "pchembl_label",
        pa.int8(),
        "part one at the threshold: +1 active, -1 inactive",
        Among((1, -1)),
    ),
    ("threshold", real, "highest threshold reached if active, lowest threshold if inactive"),
    ("pchembl_mean", real, "mean pChEMBL value; missing if censored values decide", "optional"),
    ("comment_label", pa.int8(), "part two: +1 active, -1 inactive", Among((1, -1))),
    ("active_votes", integer, "comments that say active", count),
    ("inactive_votes", integer, "comments that say inactive", count),
)
