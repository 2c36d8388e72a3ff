"""Phenotypes of drawn cells: what the mechanisms of the demo's drugs do to them."""

from typing import NamedTuple


class Phenotype(NamedTuple):
    """How cells differ from untreated ones: all are factors but the last three.

    `mitotic` and `multinucleated` are shares of cells; `vesicles` is a number per cell.
    """

    density: float = 1.0
    cell: float = 1.0
    nucleus: float = 1.0
    elongation: float = 1.0
    mito: float = 1.0
    er: float = 1.0
    rna: float = 1.0
    nucleoli: float = 1.0
    golgi: float = 1.0
    fibres: float = 1.0
    cortex: float = 1.0
    dna: float = 1.0
    mitotic: float = 0.03
    multinucleated: float = 0.01
    vesicles: float = 0.0


UNTREATED = Phenotype()

# What the mechanisms of `resources/demo_drugs.csv` do to cells; the others do nothing.
PHENOTYPES = {
    # No spindle: cells arrest in mitosis, or slip out of it with several nuclei.
    "tubulin": Phenotype(
        density=0.6, cell=1.15, elongation=0.75, mitotic=0.35, multinucleated=0.6, fibres=0.7
    ),
    # DNA damage: cells stop dividing and grow.
    "topoisomerase": Phenotype(density=0.55, cell=1.3, nucleus=1.5, nucleoli=0.5, dna=0.85),
    # Flat, long cells with a large Golgi apparatus.
    "HDAC": Phenotype(
        density=0.75, cell=1.25, nucleus=1.15, elongation=1.7, golgi=2.2, dna=0.8, fibres=1.4
    ),
    # No protein synthesis: few, shrunken cells without nucleoli, and hardly any RNA.
    "cardiac glycoside": Phenotype(
        density=0.4, cell=0.8, rna=0.45, nucleoli=0.2, er=0.8, fibres=0.6
    ),
    # Actin moves from stress fibres to the border; cells shrink.
    "kinase": Phenotype(density=0.85, cell=0.85, fibres=0.3, cortex=1.8),
    # Phospholipidosis: lysosomes swell and fill with membrane.
    "cationic amphiphile": Phenotype(vesicles=16),
    # Thin, spindly cells.
    "statin": Phenotype(density=0.75, cell=0.85, elongation=2.6, fibres=0.5, mito=0.85),
}


def phenotype_of(mechanism: str, strength: float = 1.0) -> Phenotype:
    """Give the phenotype of a mechanism.

    Parameters
    ----------
    mechanism : str
        One of `PHENOTYPES`, or any other for untreated cells.
    strength : float
        0 for untreated cells, 1 for the phenotype as listed, more for a stronger one.

    Returns
    -------
    Phenotype
    """
    full = PHENOTYPES.get(mechanism, UNTREATED)
    factors = [factor**strength for factor in full[:-3]]
    shares = [
        max(start + strength * (end - start), 0)
        for start, end in zip(UNTREATED[-3:], full[-3:], strict=True)
    ]
    return Phenotype(*factors, *shares)
