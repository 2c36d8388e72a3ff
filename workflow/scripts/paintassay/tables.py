"""The tables that stages hand to each other: their columns, and how they are read and written.

Each table has one Arrow schema here. A column's meaning and unit stand in its metadata, and
travel inside the Parquet file; `docs/outputs.md` is made from the same schemas. Nothing is
written that does not fit its schema, and nothing is read that does not.
"""

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from paintassay.errors import InputError
from paintassay.files import atomic_path


def table_schema(description, *columns):
    """Make an Arrow schema from (name, type, meaning) or (name, type, meaning, "optional")."""
    fields = []
    for name, kind, meaning, *optional in columns:
        fields.append(
            pa.field(name, kind, nullable=bool(optional), metadata={"description": meaning})
        )
    return pa.schema(fields, metadata={"description": description})


text, integer, real = pa.string(), pa.int64(), pa.float64()

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
    ("detail", text, "what exactly, where there is more to say", "optional"),
    ("outcome", text, "dropped: the row has no key; kept: it has one in spite of this"),
)

DUPLICATES = table_schema(
    "InChIKeys that stand in several rows of the library; those rows are one compound.",
    ("inchikey", text, "standard InChIKey"),
    ("rows", integer, "how many rows share it"),
    ("compound_ids", text, "their identifiers, separated by ;"),
    ("library_rows", text, "their rows, counted from 1, separated by ;"),
)

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

PCHEMBL_MEANS = table_schema(
    "Part one before thresholds: the mean pChEMBL value of each compound in each assay.",
    ("inchikey", text, "standard InChIKey of the library's compound"),
    ("assay_chembl_id", text, "ChEMBL assay"),
    ("pchembl_mean", real, "mean pChEMBL value, rounded to six decimals"),
    ("activity_ids", pa.list_(integer), "the ChEMBL activities behind it, ascending"),
)

PCHEMBL_LABELS = table_schema(
    "Part one: a label for each compound, assay and threshold.",
    ("inchikey", text, "standard InChIKey of the library's compound"),
    ("assay_chembl_id", text, "ChEMBL assay"),
    ("threshold", real, "pChEMBL value from which on a compound is active"),
    ("label", pa.int8(), "+1 active, -1 inactive"),
    ("pchembl_mean", real, "mean pChEMBL value"),
    ("activity_ids", pa.list_(integer), "the ChEMBL activities behind it, ascending"),
)

COMMENT_LABELS = table_schema(
    "Part two: the majority of the activity comments on each compound in each assay.",
    ("inchikey", text, "standard InChIKey of the library's compound"),
    ("assay_chembl_id", text, "ChEMBL assay"),
    ("label", pa.int8(), "+1 active, -1 inactive"),
    ("active_votes", integer, "comments that say active"),
    ("inactive_votes", integer, "comments that say inactive"),
    ("activity_ids", pa.list_(integer), "the ChEMBL activities that voted, ascending"),
)

COMMENT_TIES = table_schema(
    "Compounds and assays with as many active as inactive comments: no label.",
    ("inchikey", text, "standard InChIKey of the library's compound"),
    ("assay_chembl_id", text, "ChEMBL assay"),
    ("votes", integer, "comments on either side"),
    ("activity_ids", text, "the ChEMBL activities that voted, separated by ;"),
)

UNKNOWN_COMMENTS = table_schema(
    "Activity comments that the comment table does not list, most frequent first.",
    ("comment", text, "normalised: stripped, case folded, blanks collapsed"),
    ("activities", integer, "how many activities carry it"),
    ("example", text, "one of its spellings, as written"),
)

LABELS = table_schema(
    "The label matrix: one row a label, sorted by compound and column.",
    ("inchikey", text, "standard InChIKey of the library's compound"),
    ("column", text, "name of the column in the table of assays"),
    ("label", pa.int8(), "+1 active, -1 inactive"),
)

ASSAYS = table_schema(
    "The columns of the label matrix, in its order.",
    ("ASSAY_ID", integer, "ChEMBL's internal assay number; not in the web service", "optional"),
    ("ASSAY_CHEMBL_ID", text, "ChEMBL assay"),
    ("KIND", text, "pchembl: part one, a threshold; comment: part two, the majority of comments"),
    ("THRESHOLD", real, "pChEMBL value from which on a compound is active", "optional"),
    ("ACTIVES", integer, "active compounds"),
    ("INACTIVES", integer, "inactive compounds"),
    ("COLUMN", text, "name of the column"),
    ("ASSAY_TYPE", text, "B binding, F functional, A ADMET, T toxicity, P, U", "optional"),
    ("TARGET_CHEMBL_ID", text, "ChEMBL target of the assay", "optional"),
    ("TARGET_NAME", text, "preferred name of the target", "optional"),
    ("TARGET_ORGANISM", text, "organism of the target", "optional"),
    ("DESCRIPTION", text, "what was measured", "optional"),
)

MATRIX_COMPOUNDS = table_schema(
    "The rows of the label matrix, in its order.",
    ("INDEX", integer, "row of the label matrix, counted from 0"),
    ("INCHIKEY", text, "standard InChIKey"),
)

DROPPED_ASSAYS = table_schema(
    "Columns with labels that did not enter the label matrix.",
    ("column", text, "name of the column"),
    ("assay_chembl_id", text, "ChEMBL assay"),
    ("kind", text, "pchembl or comment"),
    ("threshold", real, "pChEMBL threshold", "optional"),
    ("actives", integer, "active compounds"),
    ("inactives", integer, "inactive compounds"),
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
    ("pchembl_label", pa.int8(), "part one at the threshold: +1 active, -1 inactive"),
    ("threshold", real, "highest threshold reached if active, lowest threshold if inactive"),
    ("pchembl_mean", real, "mean pChEMBL value"),
    ("comment_label", pa.int8(), "part two: +1 active, -1 inactive"),
    ("active_votes", integer, "comments that say active"),
    ("inactive_votes", integer, "comments that say inactive"),
)


def conform(data, schema):
    """Cast a table to a schema: its columns in its order, its types, its missing values.

    Parameters
    ----------
    data : pandas.DataFrame, pyarrow.Table or list of dict
        At least the columns of the schema.
    schema : pyarrow.Schema
        One of this module.

    Returns
    -------
    pyarrow.Table

    Raises
    ------
    ValueError
        A column is missing, a value does not fit its type, or is missing where it must not be.
    """
    if isinstance(data, list):
        table = pa.Table.from_pylist(data, schema=schema)
    else:
        names = data.column_names if isinstance(data, pa.Table) else list(data.columns)
        absent = [name for name in schema.names if name not in names]
        if absent:
            raise ValueError(f"columns missing: {', '.join(absent)}")
        if isinstance(data, pa.Table):
            table = data.select(schema.names).cast(schema)
        else:
            table = pa.Table.from_pandas(data[schema.names], schema=schema, preserve_index=False)
    for field in schema:
        if not field.nullable and table[field.name].null_count:
            raise ValueError(f"column {field.name} has missing values")
    return table.replace_schema_metadata(schema.metadata)


def write_parquet(data, path, schema):
    """Write a table that fits `schema` as Parquet, atomically and byte for byte repeatable."""
    with atomic_path(path) as temporary:
        pq.write_table(conform(data, schema), temporary, compression="zstd")


def write_csv(data, path, schema):
    """Write a table that fits `schema` as CSV for people and spreadsheets, atomically."""
    # Arrow's types keep whole numbers whole where some are missing.
    table = conform(data, schema).to_pandas(types_mapper=pd.ArrowDtype)
    with atomic_path(path) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n")


def read_parquet(path, schema, columns=None):
    """Read a Parquet table of this workflow.

    Parameters
    ----------
    path : str or Path
    schema : pyarrow.Schema
        What it must contain.
    columns : list of str, optional
        Only these.

    Returns
    -------
    pyarrow.Table

    Raises
    ------
    InputError
        The file is no Parquet file or does not have the schema's columns and types.
    """
    wanted = schema if columns is None else pa.schema([schema.field(name) for name in columns])
    try:
        found = pq.read_schema(path)
    except pa.ArrowInvalid as error:
        raise InputError(path, f"is not a Parquet file ({error})") from error
    for field in wanted:
        if field.name not in found.names or found.field(field.name).type != field.type:
            raise InputError(
                path,
                f"column {field.name} of type {field.type} is missing",
                "the file comes from another version of this workflow; remove it and run again",
            )
    return pq.read_table(path, columns=wanted.names)


def read_csv(path, schema):
    """Read a CSV table that `write_csv` wrote, as a pandas.DataFrame."""
    table = pa.csv.read_csv(
        path,
        convert_options=pa.csv.ConvertOptions(
            column_types={field.name: field.type for field in schema}, strings_can_be_null=True
        ),
    )
    return table.to_pandas()


def joined(lists):
    """Join each list of values into one text, separated by ``;`` (for CSV)."""
    return pd.Series([";".join(map(str, values)) for values in lists], dtype="str")


def sorted_by(table, *columns):
    """Sort an Arrow table by columns, ascending."""
    return table.take(pc.sort_indices(table, [(name, "ascending") for name in columns]))
