"""A whole screen of a few seconds: library, ChEMBL, plates, cells, profiles and predictions."""

import numpy as np
import pandas as pd
import tifffile
from conftest import OWN_LIBRARY, make_chembl
from rdkit import Chem

PLATES = ["P1", "P2"]
WELLS = ["A01", "A02", "A03", "B01", "B02", "B03"]
CHANNELS = ["DNA", "Mito"]
SITES = [1, 2]
FRAME = (40, 48)
SMILES = {f"c{number}": "C" * number + "O" for number in range(1, 13)}
KEYS = {name: Chem.MolToInchiKey(Chem.MolFromSmiles(text)) for name, text in SMILES.items()}
CONFIG = {
    "compounds": OWN_LIBRARY,
    "chembl": {"sqlite": "chembl.db", "release": 37},
    "labels": {"min_actives": 2, "min_inactives": 2, "thresholds": [5.5]},
    "plates": {"wells": "wells.csv"},
    "images": {"layout": "table", "root": "images.csv", "channels": CHANNELS, "bits": 16},
    "single_cells": {"tables": "cells/{plate}.csv"},
    "profiles": {"tables": "profiles/{plate}.csv"},
    "splits": {"count": 1, "shares": [0.5, 0.25, 0.25]},
    "training": {"splits": [1]},
    "models": {
        name: {"enabled": False}
        for name in ("gapnet", "milnet", "mcnn", "densenet", "resnet", "sccnn", "fnn")
    },
    "comparison": {
        "predictions": {"forest": "forest.csv"},
        "resamples": 100,
        "permutations": 100,
    },
}


def tables_of_user():
    """What users bring, by the name of its file."""
    placed = dict(zip([(plate, well) for plate in PLATES for well in WELLS], SMILES, strict=True))
    wells = pd.DataFrame(
        [(*place, name) for place, name in placed.items()]
        + [(plate, "H12", "DMSO") for plate in PLATES],
        columns=["plate", "well", "compound_id"],
    )
    views = wells[["plate", "well"]].merge(pd.DataFrame({"site": SITES}), how="cross")
    images = views.merge(pd.DataFrame({"channel": CHANNELS}), how="cross")
    images["place"] = [
        f"images/{row.plate}_{row.well}_s{row.site}_{row.channel}.tif"
        for row in images.itertuples()
    ]
    cells = views.merge(
        pd.DataFrame({"ObjectNumber": [1, 2], "Location_Center_X": [9.0, 30.0]}), how="cross"
    )
    cells["Location_Center_Y"] = 20.0
    cells = cells.rename(columns={name: f"Metadata_{name.title()}" for name in views.columns})
    random = np.random.default_rng(1)
    profiles = wells[["plate", "well"]].rename(
        columns={name: f"Metadata_{name.title()}" for name in ("plate", "well")}
    )
    for feature in ("Cells_Area", "Nuclei_Area"):
        profiles[feature] = random.normal(size=len(profiles))
    tables = {
        "library.csv": pd.DataFrame({"compound_id": SMILES.keys(), "smiles": SMILES.values()}),
        "wells.csv": wells,
        "images.csv": images,
        "forest.csv": pd.DataFrame(
            {"inchikey": KEYS.values(), "CHEMBL1|comment": np.linspace(0, 1, 12)}
        ),
    }
    for plate in PLATES:
        tables[f"cells/{plate}.csv"] = cells[cells["Metadata_Plate"] == plate]
        tables[f"profiles/{plate}.csv"] = profiles[profiles["Metadata_Plate"] == plate]
    return tables


def activities():
    """Comments in one assay, values in another; every other compound is active."""
    rows = []
    for number, key in enumerate(KEYS.values()):
        active = number % 2 == 0
        rows.append((key, 1, "Active" if active else "Not Active", None, None))
        rows.append((key, 2, None, 7.0 if active else 4.5, "IC50"))
    return pd.DataFrame(
        rows,
        columns=["inchikey", "assay_id", "activity_comment", "pchembl_value", "standard_type"],
    )


def write_screen(folder, **changed):
    """Write the screen; `changed` are tables by their files' names without an ending."""
    tables = tables_of_user()
    for name, change in changed.items():
        tables[f"{name}.csv"] = change(tables[f"{name}.csv"])
    for name, table in tables.items():
        (folder / name).parent.mkdir(exist_ok=True)
        table.to_csv(folder / name, index=False)
    (folder / "images").mkdir()
    # Of the screen as it is, whatever the tables say of it.
    for number, place in enumerate(tables_of_user()["images.csv"]["place"]):
        pixels = np.random.default_rng(number).integers(100, 4000, FRAME)
        tifffile.imwrite(folder / place, pixels.astype(np.uint16))
    make_chembl(folder / "chembl.db", activities(), release=37)
    return folder
