"""Describe the tables of what ChEMBL knows about the library."""

from typing import Literal

import pyarrow as pa
import pyarrow.csv

from paintassay.core.tables import integer, real, table_schema, text

# What makes a ChEMBL molecule one of the library.
MatchOn = Literal["inchikey", "first_block", "parent"]

# Relations of values that are only known to be larger or smaller.
ABOVE, BELOW = (">", ">=", ">>"), ("<", "<=", "<<")

MATCHES = table_schema(
    "Which ChEMBL molecules stand for which compound of the library.",
    ("inchikey", text, "standard InChIKey of the library's compound"),
    ("molecule_chembl_id", text, "ChEMBL molecule"),
    ("molecule_inchikey", text, "standard InChIKey of the ChEMBL molecule", "optional"),
    ("matched_by", text, "inchikey if the full keys are equal, else the rule: first_block, parent"),
)

ACTIVITIES = table_schema(
    "ChEMBL activities of the matched molecules that have a pChEMBL value, a comment or a censored "
    "value.",
    ("activity_id", integer, "ChEMBL activity"),
    ("assay_id", integer, "ChEMBL's internal assay number; not in the web service", "optional"),
    ("assay_chembl_id", text, "ChEMBL assay"),
    ("assay_description", text, "what was measured", "optional"),
    ("assay_type", text, "B binding, F functional, A ADMET, T toxicity, P, U", "optional"),
    ("target_chembl_id", text, "ChEMBL target of the assay", "optional"),
    ("target_name", text, "preferred name of the target", "optional"),
    ("target_organism", text, "organism of the target", "optional"),
    ("molecule_chembl_id", text, "ChEMBL molecule"),
    ("standard_type", text, "kind of measurement: IC50, EC50, ...", "optional"),
    ("standard_relation", text, "=, <, >, ...", "optional"),
    ("standard_value", real, "standardised value, in standard_units", "optional"),
    ("standard_units", text, "unit of standard_value", "optional"),
    ("pchembl_value", real, "-log10 of the molar IC50, EC50, ...", "optional"),
    ("activity_comment", text, "the depositor's verdict, as written", "optional"),
    ("data_validity_comment", text, "ChEMBL's doubt about the value", "optional"),
    ("potential_duplicate", pa.bool_(), "ChEMBL thinks the value is cited from another paper"),
    ("document_chembl_id", text, "ChEMBL document", "optional"),
)

LEFT_OUT = table_schema(
    "Activities of the matched molecules that were not extracted, for they have no pChEMBL value, "
    "no comment and no censored value. Most frequent first.",
    ("standard_type", text, "kind of measurement: Inhibition, Ki, ...", "optional"),
    ("standard_relation", text, "=, ~, ...", "optional"),
    ("standard_units", text, "unit of the value", "optional"),
    ("activities", integer, "how many activities are so"),
)

LEFT_OUT_OF_MOLECULES = table_schema(
    "The same for each molecule of a chunk, so that the chunks can be added up.",
    ("molecule_chembl_id", text, "ChEMBL molecule"),
    *(
        (field.name, field.type, field.metadata[b"description"].decode(), "optional")
        for field in list(LEFT_OUT)[:3]
    ),
    ("activities", integer, "how many activities are so"),
)

NEAR_MATCHES = table_schema(
    "Compounds that match no ChEMBL molecule, and how many would by another rule.",
    ("match_on", text, "the rule: inchikey, first_block, parent, or tautomer (RDKit's)"),
    ("unmatched", integer, "compounds without a match"),
    ("looked_up", integer, "how many of them were looked up by the rule; less is a sample"),
    ("would_match", integer, "how many of those would match"),
)
