"""Describe the tables of what ChEMBL knows about the library."""

from typing import Literal

import pyarrow as pa
import pyarrow.csv

from paintassay.core.tables import integer, real, table_schema, text

# What makes a ChEMBL molecule one of the library.
MatchOn = Literal["inchikey", "first_block", "parent"]

MATCHES = table_schema(
    "Which ChEMBL molecules stand for which compound of the library.",
    ("inchikey", text, "standard InChIKey of the library's compound"),
    ("molecule_chembl_id", text, "ChEMBL molecule"),
    ("molecule_inchikey", text, "standard InChIKey of the ChEMBL molecule", "optional"),
    ("matched_by", text, "inchikey if the full keys are equal, else the rule: first_block, parent"),
)

ACTIVITIES = table_schema(
    "ChEMBL activities of the matched molecules that have a pChEMBL value or a comment.",
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
