"""Draw the plates of the demo screen, whose cells show what the compounds do to them.

Each plate is drawn by itself, and each view from its own seed, so that neither the number of jobs
nor their order matters. Plates differ in staining, wells scatter, columns drift and outer wells
have fewer and brighter cells; some views are spoilt or missing, so that quality control has
something to find.
"""

import zipfile
from contextlib import ExitStack
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import ndimage

from paintassay.core.files import PathLike, atomic_path
from paintassay.demo.cells import (
    CHANNELS,
    DEMO_HEIGHT,
    DEMO_PIXEL,
    DEMO_WIDTH,
    DNA,
    draw_view,
)
from paintassay.demo.phenotypes import phenotype_of
from paintassay.demo.plates import COLUMNS, ROWS, encode_tiff, image_name, seeded

# Views of each plate that are not as they should be.
FAULTS = ("blurred", "saturated", "missing", "missing", "missing channel")
BLURRED, SATURATED = 6.0, 6.0  # defocus in micrometres; factor on the light

# What the published profiles call the channels.
PROFILE_CHANNELS = ("Mito", "ER", "RNA", "AGP", "DNA")
SMALLEST_NUCLEUS = 25  # square micrometres


def plan_faults(
    plate: str, wells: pd.DataFrame, sites: int, seed: int
) -> dict[tuple[str, int], str]:
    """Choose the spoilt views of a plate, each in another well.

    Parameters
    ----------
    plate : str
    wells : pandas.DataFrame
        From `demo.plates.plate_layout`.
    sites : int
        Views of each well.
    seed : int

    Returns
    -------
    dict of (str, int) to str
        Fault, one of `FAULTS`, by well and site.
    """
    rng = seeded(seed, plate, "faults")
    names = wells.loc[wells["plate"] == plate, "well"].sort_values()
    chosen = rng.choice(names, len(FAULTS), replace=False)
    places = zip(chosen.tolist(), rng.integers(1, sites + 1, len(FAULTS)).tolist(), strict=True)
    return dict(zip(places, FAULTS, strict=True))


def write_plate(
    folder: PathLike,
    plate: str,
    wells: pd.DataFrame,
    seed: int,
    sites: int = 2,
    height: int = DEMO_HEIGHT,
    width: int = DEMO_WIDTH,
    pixel: float = DEMO_PIXEL,
) -> None:
    """Draw one plate, and write it as the published screen was: images, cells, profiles.

    Parameters
    ----------
    folder : str or Path
        Receives ``images/<plate>-<channel>.zip`` for each channel, with a TIFF for each well and
        site; ``single_cells/<plate>.csv``, the centres of nuclei as CellProfiler names them; and
        ``profiles/<plate>/mean_well_profiles.csv``, 17 columns of metadata, then features.
    plate : str
        Barcode.
    wells : pandas.DataFrame
        From `demo.plates.plate_layout`; other plates may be in it.
    seed : int
    sites : int
        Views of each well.
    height, width : int
        Pixels of a view.
    pixel : float
        Size of a pixel in micrometres.
    """
    folder = Path(folder)
    faults = plan_faults(plate, wells, sites, seed)
    wells = wells[wells["plate"] == plate].sort_values("well")
    cells, profiles = [], []
    with ExitStack() as stack:
        archives = [
            zipfile.ZipFile(
                stack.enter_context(atomic_path(folder / "images" / f"{plate}-{channel}.zip")), "w"
            )
            for channel in CHANNELS
        ]
        for archive in archives:
            stack.enter_context(archive)
        for row in wells.itertuples(index=False):
            well = _Well(*row)
            features = []
            for site in range(1, sites + 1):
                fault = faults.get((well.well, site))
                if fault == "missing":
                    continue
                view, centres = _draw_site(well, site, fault, seed, height, width, pixel)
                absent = _absent_channel(plate, fault, seed)
                for channel, archive, plane in zip(CHANNELS, archives, view, strict=True):
                    if channel != absent:
                        name = image_name(plate, well.well, site, channel, seed)
                        tiff = encode_tiff(plane, plate, well.well, site, channel, pixel)
                        _add_member(archive, name, tiff)
                cells.append(_cells_table(plate, well.well, site, centres))
                features.append(measure_view(view, pixel, absent))
            means = pd.DataFrame(features).mean(skipna=False)
            profiles.append({**_well_metadata(well), **means})
    for table, path in (
        (pd.concat(cells), folder / "single_cells" / f"{plate}.csv"),
        (pd.DataFrame(profiles), folder / "profiles" / plate / "mean_well_profiles.csv"),
    ):
        with atomic_path(path) as temporary:
            table.to_csv(temporary, index=False, float_format="%.6g", lineterminator="\n")


class _Well(NamedTuple):
    """A row of the layout, as from `demo.plates.plate_layout`."""

    plate: str
    well: str
    compound_id: str
    role: str
    mechanism: str
    plate_map: str


def _draw_site(
    well: _Well,
    site: int,
    fault: str | None,
    seed: int,
    height: int,
    width: int,
    pixel: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw one view of a well, with its fault."""
    # Compounds are more or less potent, on every plate alike.
    strength = seeded(seed, well.compound_id).uniform(0.75, 1.15)
    phenotype = phenotype_of(well.mechanism, strength)
    gain, density = _growth(well.plate, well.well, seed)
    return draw_view(
        phenotype._replace(density=phenotype.density * density),
        seeded(seed, well.plate, well.well, site),
        height,
        width,
        pixel,
        gain=gain * (SATURATED if fault == "saturated" else 1),
        defocus=BLURRED if fault == "blurred" else 0,
    )


def _growth(plate: str, well: str, seed: int) -> tuple[np.ndarray, float]:
    """Give a well's staining (factor by channel) and its number of cells (factor)."""
    of_plate, of_well = seeded(seed, plate), seeded(seed, plate, well)
    gain = np.exp(of_plate.normal(0, 0.08, 5) + of_well.normal(0, 0.03, 5))
    density = np.exp(of_plate.normal(0, 0.08) + of_well.normal(0, 0.08))
    row, column = ROWS.index(well[0]), int(well[1:])
    # The dispenser drifts from the first to the last column.
    gain *= 1 + of_plate.normal(0, 0.04) * (2 * (column - 1) / (COLUMNS - 1) - 1)
    if row in (0, len(ROWS) - 1) or column in (1, COLUMNS):
        # Outer wells dry out: fewer cells, more dye.
        gain, density = 1.08 * gain, 0.85 * density
    return gain, density


def _absent_channel(plate: str, fault: str | None, seed: int) -> str | None:
    """Name the channel that a view lacks, or None; nuclei are always there."""
    if fault != "missing channel":
        return None
    others = [channel for channel in CHANNELS if channel != CHANNELS[DNA]]
    return seeded(seed, plate, fault).choice(others).item()


def _add_member(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    """Add a member that does not tell when and where it was written."""
    member = zipfile.ZipInfo(name, date_time=(2019, 1, 1, 0, 0, 0))
    member.create_system = 3
    member.external_attr = 0o644 << 16
    member.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(member, content)


def _cells_table(plate: str, well: str, site: int, centres: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Metadata_Plate": plate,
            "Metadata_Well": well,
            "Metadata_Site": site,
            "ObjectNumber": range(1, len(centres) + 1),
            "Nuclei_Location_Center_X": centres[:, 0],
            "Nuclei_Location_Center_Y": centres[:, 1],
        }
    )


def _well_metadata(well: _Well) -> dict[str, Any]:
    """Describe a well in the 17 columns of the published profiles."""
    treated = well.role == "treatment"
    kind = "trt" if treated else "control"
    return {
        "Metadata_Plate": well.plate,
        "Metadata_Well": well.well,
        "Metadata_Assay_Plate_Barcode": well.plate,
        "Metadata_Plate_Map_Name": well.plate_map,
        "Metadata_well_position": well.well,
        "Metadata_ASSAY_WELL_ROLE": "treated" if treated else "mock",
        "Metadata_broad_sample": well.compound_id,
        "Metadata_mmoles_per_liter": 5.0 if treated else None,
        "Metadata_solvent": "DMSO",
        "Metadata_pert_id": well.compound_id if treated else None,
        "Metadata_pert_mfc_id": well.compound_id,
        "Metadata_pert_well": well.well,
        "Metadata_pert_id_vendor": None,
        "Metadata_cell_id": "U2OS",
        "Metadata_broad_sample_type": kind,
        "Metadata_pert_vehicle": "DMSO",
        "Metadata_pert_type": kind,
    }


def measure_view(view: np.ndarray, pixel: float, absent: str | None = None) -> dict[str, float]:
    """Measure features of one view, named as CellProfiler would name them.

    Parameters
    ----------
    view : ndarray of uint16, shape (5, H, W)
        In the order of `demo.cells.CHANNELS`.
    pixel : float
        Size of a pixel in micrometres.
    absent : str, optional
        A channel other than Hoechst that was not imaged; its features are NaN.

    Returns
    -------
    dict of str to float
        Always the same keys in the same order. ``Nuclei_AreaShape_EulerNumber`` is 1 always.
    """
    planes = view / 4095
    if absent is not None:
        planes[CHANNELS.index(absent)] = np.nan
    levels = np.percentile(planes, (5, 25, 50, 75, 99), axis=(1, 2))
    nuclei, areas = _find_nuclei(planes[DNA], pixel)
    features = {
        "Nuclei_Count": len(areas),
        "Nuclei_AreaShape_EulerNumber": 1.0,
        "Nuclei_AreaShape_Area": np.mean(areas) if len(areas) else 0.0,
        "Nuclei_AreaShape_Area_SD": np.std(areas) if len(areas) else 0.0,
    }
    for index, (name, plane) in enumerate(zip(PROFILE_CHANNELS, planes, strict=True)):
        inside = plane[nuclei].mean() if len(areas) else plane.mean()
        features |= {
            f"Nuclei_Intensity_MeanIntensity_{name}": inside,
            f"Cells_Intensity_MeanIntensity_{name}": plane.mean(),
            f"Cells_Intensity_StdIntensity_{name}": plane.std(),
            f"Cells_Intensity_MinIntensity_{name}": levels[0, index],
            f"Cells_Intensity_LowerQuartileIntensity_{name}": levels[1, index],
            f"Cells_Intensity_MedianIntensity_{name}": levels[2, index],
            f"Cells_Intensity_UpperQuartileIntensity_{name}": levels[3, index],
            f"Cells_Intensity_MaxIntensity_{name}": levels[4, index],
        }
        # How much of the contrast is in structures of one, two and four pixels.
        coarser = [plane, *(ndimage.uniform_filter(plane, size) for size in (3, 5, 9))]
        for size, fine, coarse in zip((1, 2, 4), coarser, coarser[1:], strict=False):
            features[f"Cells_Granularity_{size}_{name}"] = (fine - coarse).std() / plane.std()
    correlations = np.asarray(np.corrcoef(planes.reshape(len(planes), -1)))
    for one, other in combinations(range(len(planes)), 2):
        names = f"{PROFILE_CHANNELS[one]}_{PROFILE_CHANNELS[other]}"
        features[f"Cells_Correlation_Correlation_{names}"] = correlations[one, other]
    return features


def _find_nuclei(plane: np.ndarray, pixel: float) -> tuple[np.ndarray, np.ndarray]:
    """Find nuclei by a threshold: where they are (bool), and their areas in square micrometres."""
    smooth = ndimage.gaussian_filter(plane, 1)
    low, high = np.percentile(smooth, (10, 99))
    labels, number = ndimage.label(smooth > low + 0.35 * (high - low))
    areas = np.bincount(labels.ravel(), minlength=number + 1) * pixel**2
    areas[0] = 0
    is_nucleus = areas >= SMALLEST_NUCLEUS
    return is_nucleus[labels], areas[is_nucleus]
