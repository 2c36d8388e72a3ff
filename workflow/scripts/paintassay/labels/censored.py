"""Values that are only known to be larger or smaller, and measurements that disagree.

ChEMBL gives a pChEMBL value to measured values alone. ``IC50 > 25 uM`` has none, and yet says that
the pChEMBL value is below 4.6.
"""

from collections.abc import Iterable, Sequence

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from paintassay.chembl.tables import ABOVE, BELOW
from paintassay.core.tables import joined, sorted_by
from paintassay.labels.activities import CELL, STANDARD_TYPES, aggregate_cells, is_one_of

# Negative decimal exponent of each unit of concentration.
MOLAR = {"M": 0, "mM": 3, "uM": 6, "\u00b5M": 6, "\u03bcM": 6, "nM": 9, "pM": 12, "fM": 15}
# The last decimal of rounded pChEMBL values.
LAST_DECIMAL = 1e-6
# Repeated measurements further apart than this, in pChEMBL units, are listed.
WIDE_SPREAD = 1.0


def is_censored(activities: pa.Table) -> pa.ChunkedArray:
    """Whether each activity has a value with a relation such as > or <, and no pChEMBL value."""
    related = is_one_of(activities["standard_relation"], [*ABOVE, *BELOW])
    with_value = pc.is_valid(activities["standard_value"])
    without_pchembl = pc.is_null(activities["pchembl_value"])
    return pc.and_(pc.and_(related, with_value), without_pchembl)


def bound_pchembl(
    activities: pa.Table, standard_types: str | Sequence[str]
) -> tuple[pa.Table, pa.Table]:
    """Turn the censored values of each compound in each assay into bounds of its pChEMBL value.

    Parameters
    ----------
    activities : pyarrow.Table
        Those of `is_censored`, as from `library_activities`.
    standard_types : str or list of str
        As for `activities.average_pchembl`.

    Returns
    -------
    bounds : pyarrow.Table
        As `labels.tables.PCHEMBL_BOUNDS`, sorted by compound and assay. The closest bounds hold.
    counts : pyarrow.Table
        As `labels.tables.CENSORED_VALUES`.
    """
    types = STANDARD_TYPES[standard_types] if isinstance(standard_types, str) else standard_types
    usable = pc.and_(
        pc.and_(
            is_one_of(activities["standard_type"], types),
            is_one_of(activities["standard_units"], MOLAR),
        ),
        pc.greater(activities["standard_value"], 0),
    )
    counts = _count_censored(activities, usable)
    rows = activities.filter(usable)
    units = pa.array(list(MOLAR), rows["standard_units"].type)
    exponents = pa.array(list(MOLAR.values()), pa.float64())
    exponent = exponents.take(pc.index_in(rows["standard_units"], value_set=units))
    bound = pc.round(pc.subtract(exponent, pc.log10(rows["standard_value"])), 6)
    larger = is_one_of(rows["standard_relation"], ABOVE)
    # At least so large: the pChEMBL value may be the bound itself, so it is below the next one.
    reachable = pc.equal(rows["standard_relation"], ">=")
    below = pc.if_else(reachable, pc.add(bound, LAST_DECIMAL), bound)
    nothing = pa.scalar(None, pa.float64())
    grouped = aggregate_cells(
        pa.table(
            {
                **{name: rows[name] for name in [*CELL, "activity_id"]},
                "below": pc.if_else(larger, below, nothing),
                "above": pc.if_else(larger, nothing, bound),
            }
        ),
        [("below", "min"), ("above", "max"), ("activity_id", "count"), ("activity_id", "list")],
    )
    bounds = pa.table(
        {
            **{name: grouped[name] for name in CELL},
            "pchembl_below": grouped["below_min"],
            "pchembl_above": grouped["above_max"],
            "values": grouped["activity_id_count"],
            "activity_ids": grouped["activity_id_list"],
        }
    )
    return bounds, counts


def add_bounds(means: pa.Table, bounds: pa.Table) -> pa.Table:
    """Put the bounds beside the means; a compound and assay with bounds alone has no mean.

    Parameters
    ----------
    means, bounds : pyarrow.Table
        As `labels.tables.PCHEMBL_MEANS` and `labels.tables.PCHEMBL_BOUNDS`.

    Returns
    -------
    pyarrow.Table
        The columns of `means`, with pchembl_below and pchembl_above, sorted by compound and assay.
    """
    cells_of_means, cells_of_bounds = _cells(means), _cells(bounds)
    row = pc.index_in(cells_of_means, value_set=cells_of_bounds)
    names = ["pchembl_below", "pchembl_above"]
    for name in names:
        means = means.append_column(name, bounds[name].take(row))
    means = means.cast(pa.schema([field.with_nullable(True) for field in means.schema]))
    with_both = pc.is_valid(row)
    both, both_rows = means.filter(with_both), row.filter(with_both)
    pairs = zip(
        both["activity_ids"].to_pylist(),
        bounds["activity_ids"].take(both_rows).to_pylist(),
        strict=True,
    )
    index = both.column_names.index("activity_ids")
    ids = pa.array([sorted(one + other) for one, other in pairs], pa.list_(pa.int64()))
    both = both.set_column(index, "activity_ids", ids)
    alone = bounds.filter(pc.invert(pc.is_in(cells_of_bounds, value_set=cells_of_means)))
    columns = {
        field.name: alone[field.name]
        if field.name in [*CELL, *names, "activity_ids"]
        else pa.nulls(len(alone), field.type)
        for field in means.schema
    }
    columns["values"] = pa.array([0] * len(alone), means["values"].type)
    tables = [means.filter(pc.invert(with_both)), both, pa.table(columns, means.schema)]
    return sorted_by(pa.concat_tables(table.cast(means.schema) for table in tables), *CELL)


def find_discordant(bounded: pa.Table, thresholds: Iterable[float]) -> pd.DataFrame:
    """Find compounds and assays whose measurements disagree.

    Parameters
    ----------
    bounded : pyarrow.Table
        As from `add_bounds`.
    thresholds : list of float
        pChEMBL values.

    Returns
    -------
    pandas.DataFrame
        As `labels.tables.DISCORDANT`, sorted by compound and assay.
    """
    least, most, mean = (bounded[f"pchembl_{name}"] for name in ("least", "most", "mean"))
    below, above = bounded["pchembl_below"], bounded["pchembl_above"]
    spread = pc.round(pc.subtract(most, least), 6)
    reasons = {"more than 1 log apart": pc.greater(spread, WIDE_SPREAD)}
    for threshold in sorted(thresholds):
        reasons[f"on both sides of {threshold:g}"] = pc.and_(
            pc.less(least, threshold), pc.greater_equal(most, threshold)
        )
        active = pc.greater_equal(mean, threshold)
        reasons[f"a censored value contradicts the mean at {threshold:g}"] = pc.or_kleene(
            pc.and_(active, pc.less_equal(below, threshold)),
            pc.and_(pc.invert(active), pc.greater_equal(above, threshold)),
        )
    reasons["censored values contradict each other"] = pc.less_equal(below, above)
    masks = {reason: pc.fill_null(mask, False) for reason, mask in reasons.items()}
    found = pa.array([False] * len(bounded), pa.bool_())
    for mask in masks.values():
        found = pc.or_(found, mask)
    table = bounded.filter(found).to_pandas()
    flags = pd.DataFrame({reason: mask.filter(found) for reason, mask in masks.items()}, dtype=bool)
    table["reason"] = joined(flags.columns[row] for row in flags.to_numpy())
    table["activity_ids"] = joined(table["activity_ids"])
    return table


def _cells(table: pa.Table) -> pa.ChunkedArray:
    """Compound and assay of each row as one text."""
    # pc.binary_join_element_wise wants the separator in the type of the columns.
    columns = [table[name] for name in CELL]
    return pc.binary_join_element_wise(*columns, pa.scalar("|", columns[0].type))


def _count_censored(activities: pa.Table, usable: pa.ChunkedArray) -> pa.Table:
    names = ["standard_type", "standard_relation", "standard_units"]
    rows = activities.select([*names, "activity_id"])
    rows = rows.append_column("usable", pc.fill_null(usable, False).cast(pa.int64()))
    # A stereoisomer may share an activity with another compound; it is counted once.
    rows = rows.group_by("activity_id", use_threads=False).aggregate(
        [(name, "first") for name in [*names, "usable"]]
    )
    rows = rows.rename_columns([name.removesuffix("_first") for name in rows.column_names])
    counted = rows.group_by(names, use_threads=False).aggregate(
        [("activity_id", "count"), ("usable", "sum")]
    )
    counted = counted.rename_columns({"activity_id_count": "activities", "usable_sum": "usable"})
    order = [("activities", "descending"), *((name, "ascending") for name in names)]
    return counted.take(pc.sort_indices(counted, order))
