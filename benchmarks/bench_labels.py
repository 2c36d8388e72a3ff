"""How fast a library's ChEMBL activities are extracted and its keys are computed.

    python benchmarks/bench_labels.py --activities 25000000

Absolute times belong to one machine, so each figure is also a ratio to a reference that is
measured in the same run, by turns. Every variant runs in a process of its own; the time is that
of the work without imports, the memory the peak of the whole process.
"""

import argparse
import json
import os
import platform
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow/scripts"))

from reporting import figure_table, write_figures

ROOT = Path(__file__).resolve().parents[1]
REPEATS = 3
RELEASE = 37
DEMO_MOLECULES, MOLECULES = 2_000, 18_850
DROP_CACHES = Path("/proc/sys/vm/drop_caches")

COLUMNS = """
    activity.activity_id, activity.assay_id, assay.chembl_id AS assay_chembl_id,
    assay.description AS assay_description, assay.assay_type,
    target.chembl_id AS target_chembl_id, target.pref_name AS target_name,
    target.organism AS target_organism, molecule.chembl_id AS molecule_chembl_id,
    activity.standard_type, activity.standard_relation, activity.standard_value,
    activity.standard_units, activity.pchembl_value, activity.activity_comment,
    activity.data_validity_comment, activity.potential_duplicate,
    document.chembl_id AS document_chembl_id"""
JOINS = """
    JOIN molecule_dictionary AS molecule ON molecule.molregno = structure.molregno
    JOIN activities AS activity ON activity.molregno = structure.molregno
    JOIN assays AS assay ON assay.assay_id = activity.assay_id
    LEFT JOIN target_dictionary AS target ON target.tid = assay.tid
    LEFT JOIN docs AS document ON document.doc_id = activity.doc_id"""
KEPT = "(activity.pchembl_value IS NOT NULL OR activity.activity_comment IS NOT NULL)"


# The variants import what they need themselves, so that each pays for its own memory only.
def extract(dump, library, folder):
    """The workflow's own: both tables, written as Parquet."""
    import pyarrow.parquet as pq

    from paintassay.chembl.dump import extract_activities
    from paintassay.chembl.tables import ACTIVITIES, MATCHES
    from paintassay.core.tables import write_parquet

    compounds = pq.read_table(library).to_pandas()
    began = time.perf_counter()
    matches, activities = extract_activities(dump, compounds, "inchikey", RELEASE)
    write_parquet(matches, folder / "matches.parquet", MATCHES)
    write_parquet(activities, folder / "activities.parquet", ACTIVITIES)
    return len(activities), time.perf_counter() - began


def bare_sql(dump, library, folder):
    """One SELECT for the same rows and columns, fetched and thrown away."""
    import pyarrow.parquet as pq

    keys = pq.read_table(library)["inchikey"].to_pylist()
    began = time.perf_counter()
    connection = sqlite3.connect(dump)
    connection.execute("CREATE TEMP TABLE wanted (inchikey TEXT PRIMARY KEY) WITHOUT ROWID")
    connection.executemany("INSERT INTO wanted VALUES (?)", ((key,) for key in keys))
    # The cross join makes the keys drive the query.
    cursor = connection.execute(
        f"SELECT {COLUMNS} FROM wanted CROSS JOIN compound_structures AS structure"
        f" ON structure.standard_inchi_key = wanted.inchikey {JOINS} WHERE {KEPT}"
    )
    rows = 0
    while batch := cursor.fetchmany(50_000):
        rows += len(batch)
    return rows, time.perf_counter() - began


def in_list(dump, library, folder):
    """What a notebook does: pandas, blocks of 900 keys in IN (...), concat, to_parquet."""
    import pandas as pd

    keys = pd.read_parquet(library)["inchikey"].tolist()
    began = time.perf_counter()
    connection = sqlite3.connect(dump)
    frames = []
    for start in range(0, len(keys), 900):
        block = keys[start : start + 900]
        query = (
            f"SELECT {COLUMNS} FROM compound_structures AS structure {JOINS} WHERE {KEPT}"
            f" AND structure.standard_inchi_key IN ({', '.join('?' * len(block))})"
        )
        frames.append(pd.read_sql_query(query, connection, params=block))
    table = pd.concat(frames, ignore_index=True)
    table.to_parquet(folder / "in_list.parquet")
    return len(table), time.perf_counter() - began


def standardise_keys(smiles_json):
    """The workflow's own: key, canonical SMILES, parent and problem of each molecule."""
    from paintassay.compounds.library import standardise_structures

    smiles = json.loads(Path(smiles_json).read_text())
    began = time.perf_counter()
    table = standardise_structures(smiles, workers=1)
    return int(table["inchikey"].notna().sum()), time.perf_counter() - began


def bare_rdkit(smiles_json):
    """A loop of RDKit's MolFromSmiles and MolToInchiKey: the key alone."""
    from rdkit import Chem, RDLogger

    RDLogger.DisableLog("rdApp.*")
    smiles = json.loads(Path(smiles_json).read_text())
    began = time.perf_counter()
    keys = 0
    for text in smiles:
        molecule = Chem.MolFromSmiles(text)
        keys += molecule is not None and bool(Chem.MolToInchiKey(molecule))
    return keys, time.perf_counter() - began


VARIANTS = {each.__name__: each for each in (extract, bare_sql, in_list)}
KEY_VARIANTS = {each.__name__: each for each in (standardise_keys, bare_rdkit)}


def run(name, *arguments):
    """Run one variant in this process and print what it took."""
    if name in VARIANTS:
        with tempfile.TemporaryDirectory() as folder:
            rows, seconds = VARIANTS[name](*arguments, Path(folder))
    else:
        rows, seconds = KEY_VARIANTS[name](*arguments)
    # Linux counts in KiB.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"rows": rows, "seconds": seconds, "peak_bytes": peak}))


def measured(name, *arguments):
    """Run one variant in a fresh process."""
    command = [sys.executable, __file__, "run", name, *map(str, arguments)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def by_turns(names, *arguments):
    """Run the variants A B C A B C ...; a list of figures by name.

    Raises
    ------
    SystemExit
        They do not give the same number of rows: then their times mean nothing.
    """
    runs = {name: [] for name in names}
    for _ in range(REPEATS):
        for name in names:
            runs[name].append(measured(name, *arguments))
    rows = {name: sorted({each["rows"] for each in runs[name]}) for name in names}
    if len({tuple(numbers) for numbers in rows.values()}) != 1:
        sys.exit(f"Error: the variants do not give the same rows: {rows}")
    return runs


def median_ratio(runs, name, reference):
    """Median over the turns of how much longer `name` takes than `reference`."""
    pairs = zip(runs[name], runs[reference], strict=True)
    return statistics.median(one["seconds"] / other["seconds"] for one, other in pairs)


def median_seconds(runs, name):
    return statistics.median(each["seconds"] for each in runs[name])


def bench_extraction(dump, library, cold):
    """Figures of the extraction, warm and if asked for cold; the times in s."""
    figures = {}
    if cold:
        for name in VARIANTS:
            os.sync()
            DROP_CACHES.write_text("3")
            figures[f"cold_{name}_seconds"] = measured(name, dump, library)["seconds"]
    measured("extract", dump, library)
    runs = by_turns(VARIANTS, dump, library)
    figures["rows"] = runs["extract"][0]["rows"]
    for name in VARIANTS:
        figures[f"{name}_seconds"] = median_seconds(runs, name)
        figures[f"{name}_gigabytes"] = max(each["peak_bytes"] for each in runs[name]) / 1e9
    figures["extract_to_bare_sql"] = median_ratio(runs, "extract", "bare_sql")
    figures["in_list_to_extract"] = median_ratio(runs, "in_list", "extract")
    return figures


def bench_keys(smiles):
    """Figures of the keys, on one core: molecules a second and the ratio to bare RDKit."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "smiles.json"
        path.write_text(json.dumps(smiles))
        runs = by_turns(KEY_VARIANTS, path)
    figures = {"molecules": len(smiles)}
    for name in KEY_VARIANTS:
        figures[f"{name}_per_second"] = len(smiles) / median_seconds(runs, name)
    figures["standardise_to_bare_rdkit"] = median_ratio(runs, "standardise_keys", "bare_rdkit")
    return figures


def read_smiles(path, column):
    """The SMILES to measure: the first of a file, or the demo's over and over."""
    import pandas as pd

    given = path or ROOT / "workflow/resources/demo_drugs.csv"
    smiles = pd.read_csv(given, dtype=str)[column].dropna().tolist()
    return smiles[:MOLECULES] if path else list(islice(cycle(smiles), DEMO_MOLECULES))


def markdown(figures):
    """The figures as a table, the goals beside them."""
    lines = [
        ("extraction, both Parquet files written", "{extract_seconds:.2f} s", ""),
        ("bare SQL of the same rows", "{bare_sql_seconds:.2f} s", ""),
        ("pandas with IN lists", "{in_list_seconds:.2f} s", ""),
        ("extraction / bare SQL", "{extract_to_bare_sql:.2f}", "<= 1.3"),
        ("pandas with IN lists / extraction", "{in_list_to_extract:.2f}", ">= 3"),
        ("extraction, peak memory", "{extract_gigabytes:.2f} GB", "< 1.5 GB"),
        ("pandas with IN lists, peak memory", "{in_list_gigabytes:.2f} GB", ""),
        ("keys and parents, one core", "{standardise_keys_per_second:.0f} /s", ""),
        ("bare RDKit keys, one core", "{bare_rdkit_per_second:.0f} /s", ""),
        ("keys and parents / bare RDKit keys", "{standardise_to_bare_rdkit:.2f}", ""),
    ]
    if "cold_extract_seconds" in figures:
        lines += [(f"{name}, cold", f"{{cold_{name}_seconds:.1f}} s", "") for name in VARIANTS]
    return figure_table(lines, figures)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--activities", type=int, default=25_000_000, help="size of the dump")
    parser.add_argument("--dump", type=Path, help="where it is or goes [benchmarks/data]")
    parser.add_argument("--smiles", type=Path, help="CSV file of molecules [the demo's]")
    parser.add_argument("--column", default="smiles", help="its column")
    parser.add_argument("--cold", action="store_true", help="also with an empty page cache")
    parser.add_argument("--output", type=Path, help="JSON file for the figures")
    options = parser.parse_args()
    if options.cold and not os.access(DROP_CACHES, os.W_OK):
        parser.error(f"--cold needs the right to write to {DROP_CACHES}")
    dump = options.dump or ROOT / f"benchmarks/data/chembl_{options.activities}.db"
    # In a process of its own: Linux would count its memory as that of our later children.
    make_dump = Path(__file__).with_name("make_chembl_dump.py")
    subprocess.run(
        [sys.executable, make_dump, dump, "--activities", str(options.activities)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    figures = {
        "activities": options.activities,
        "dump_gigabytes": dump.stat().st_size / 1e9,
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "repeats": REPEATS,
        **bench_extraction(dump, dump.with_suffix(".library.parquet"), options.cold),
        **bench_keys(read_smiles(options.smiles, options.column)),
    }
    print(
        f"{figures['rows']:,} rows out of {options.activities:,} activities"
        f" ({figures['dump_gigabytes']:.1f} GB); {figures['molecules']:,} molecules;"
        f" medians of {REPEATS}; Python {figures['python']}, SQLite {figures['sqlite']}\n"
    )
    print(markdown(figures))
    write_figures(figures, options.output)


if __name__ == "__main__":
    if sys.argv[1:2] == ["run"]:
        run(*sys.argv[2:])
    else:
        main()
