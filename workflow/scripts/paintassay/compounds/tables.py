"""Describe the tables of the compound library."""

import pyarrow as pa
import pyarrow.csv

from paintassay.core.tables import integer, table_schema, text

LIBRARY = table_schema(
    "Every row of the compound library, in its order, with the key it was given or why not.",
    ("row", integer, "row of the library, counted from 1, the header not counted"),
    ("compound_id", text, "the library's own identifier", "optional"),
    ("inchikey", text, "standard InChIKey; missing where the row was dropped", "optional"),
    ("smiles", text, "canonical SMILES (RDKit)", "optional"),
    ("parent_inchikey", text, "InChIKey without salts and charges", "optional"),
    ("parent_smiles", text, "canonical SMILES without salts and charges", "optional"),
)

COMPOUNDS = table_schema(
    "One row for each distinct InChIKey of the library, sorted by it.",
    ("inchikey", text, "standard InChIKey"),
    ("first_block", text, "its first 14 letters: the skeleton, without stereo and charge"),
    ("parent_inchikey", text, "InChIKey without salts and charges", "optional"),
    ("smiles", text, "canonical SMILES (RDKit)", "optional"),
    ("parent_smiles", text, "canonical SMILES without salts and charges", "optional"),
    ("compound_ids", pa.list_(text), "the library's identifiers that share this key"),
    ("library_rows", pa.list_(integer), "their rows in the library, counted from 1"),
)

PROBLEMS = table_schema(
    "Everything in the library that could not be taken as it stood.",
    ("row", integer, "row of the library, counted from 1, the header not counted"),
    ("compound_id", text, "the library's own identifier", "optional"),
    ("column", text, "the library's column"),
    ("value", text, "what stood there", "optional"),
    ("problem", text, "the kind of problem, always in the same words"),
    ("detail", text, "what exactly, in one line"),
    ("outcome", text, "dropped: the row has no key; kept: it has one in spite of this"),
)

DUPLICATES = table_schema(
    "InChIKeys that stand in several rows of the library; those rows are one compound.",
    ("inchikey", text, "standard InChIKey"),
    ("rows", integer, "how many rows share it"),
    ("compound_ids", text, "their identifiers, separated by ;"),
    ("library_rows", text, "their rows, counted from 1, separated by ;"),
)
