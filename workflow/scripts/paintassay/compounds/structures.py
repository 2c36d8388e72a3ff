"""Make the InChIKey and the parent of structures, or say why there is none."""

import logging
import re
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal, NamedTuple

from chembl_structure_pipeline.standardizer import get_parent_mol
from rdkit import Chem, rdBase

from paintassay.compounds.cxsmiles import (
    other_bonds,
    racemic_centres,
    read_smiles,
    split_tail,
    unsayable,
    without_bonds,
    without_stereo,
)

# Whether a racemate drawn as one enantiomer has the key without, or with, what is drawn.
StereoGroups = Literal["unspecified", "drawn"]


class Structure(NamedTuple):
    """What one SMILES gives: its keys, or the problem with it; and what its keys do not say.

    `drawn_inchikey` is the key of the drawn enantiomer of a racemate whose `inchikey` is another.
    `racemic`, `unread_tail` and `unsayable` say what exactly is so; None where it is not.
    """

    smiles: str | None = None
    inchikey: str | None = None
    parent_smiles: str | None = None
    parent_inchikey: str | None = None
    drawn_inchikey: str | None = None
    racemic: str | None = None
    unread_tail: str | None = None
    unsayable: str | None = None
    problem: str | None = None
    detail: str | None = None


def printable(text: str) -> str:
    """A text in one line: control characters and separators of lines become blanks."""
    if text.isprintable():
        return text
    signs = [" " if unicodedata.category(sign) in ("Cc", "Zl", "Zp") else sign for sign in text]
    return " ".join("".join(signs).split())


def standardise_batch(stereo_groups: StereoGroups, smiles: Sequence[str | None]) -> list[Structure]:
    """Standardise some SMILES in this process; as `library.standardise_structures`."""
    with _rdkit_messages() as messages:
        return [_standardise_structure(value, stereo_groups, messages) for value in smiles]


@contextmanager
def _rdkit_messages() -> Iterator[list[str]]:
    """Collect the messages of RDKit, which it only logs, in a list."""
    messages: list[str] = []
    collector = logging.Handler()
    # A class would say the same in more lines.
    collector.emit = lambda record: messages.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("rdkit")
    rdBase.LogToPythonLogger()
    handlers, logger.handlers, logger.propagate = logger.handlers, [collector], False
    try:
        yield messages
    finally:
        logger.handlers = handlers
        rdBase.LogToCppStreams()


def _standardise_structure(
    smiles: str | None, stereo_groups: StereoGroups, messages: list[str]
) -> Structure:
    if smiles is None or not smiles.strip():
        return Structure(problem="SMILES missing", detail="the cell is empty")
    tail = split_tail(smiles)[1]
    if tail and "|" not in tail[1:]:
        detail = f"{printable(tail)!r} has no closing |"
        return Structure(problem="CXSMILES tail cut off", detail=detail)
    messages.clear()
    reading = read_smiles(smiles)
    if reading is None:
        return Structure(problem="SMILES cannot be parsed", detail=_first_message(messages))
    molecule = reading.molecule
    if molecule.GetNumAtoms() == 0:
        detail = f"{printable(smiles)!r} names no atom"
        return Structure(problem="SMILES without atoms", detail=detail)
    reasons = unsayable(smiles, reading)
    drawn_inchikey, racemic = None, None
    atoms, bonds = racemic_centres(reading) if reading.tail else ([], [])
    if atoms or bonds:
        places = [*[f"atom {index}" for index in atoms], *[f"bond {index}" for index in bonds]]
        racemic = f"{', '.join(places)}: the drawn configuration is "
        if stereo_groups == "unspecified":
            drawn_inchikey = Chem.MolToInchiKey(molecule) or None
            molecule = without_stereo(molecule, atoms, bonds)
            racemic += "left out of the key"
        else:
            racemic += "in the key, as if it were pure"
    unsaid = printable("; ".join(reasons)) or None
    notes = (drawn_inchikey, racemic, reading.unread and printable(reading.unread), unsaid)
    cut_bonds = other_bonds(molecule) if reasons else []
    messages.clear()
    sayable = without_bonds(molecule, cut_bonds) if cut_bonds else molecule
    inchikey = Chem.MolToInchiKey(sayable)
    if not inchikey:
        detail = unsaid or _first_message(messages)
        return Structure(problem="structure without InChI", detail=detail)
    canonical = Chem.MolToSmiles(molecule)
    if cut_bonds or not _has_salt_charge_or_isotope(molecule):
        return Structure(canonical, inchikey, canonical, inchikey, *notes)
    parent, _ = get_parent_mol(molecule)
    parent_inchikey = Chem.MolToInchiKey(parent) or None
    return Structure(canonical, inchikey, Chem.MolToSmiles(parent), parent_inchikey, *notes)


def _first_message(messages: Sequence[str]) -> str:
    """The first line of RDKit's messages, which names the cause, without its time stamp."""
    for line in "\n".join(messages).splitlines():
        text = printable(re.sub(r"^\[[\d:]+\]\s*", "", line)).strip()
        if text:
            return text
    return "RDKit gives no reason"


def _has_salt_charge_or_isotope(molecule: Chem.Mol) -> bool:
    """Whether the parent can differ; this is far cheaper than making it."""
    return len(Chem.GetMolFrags(molecule)) > 1 or any(
        atom.GetFormalCharge() or atom.GetIsotope() for atom in molecule.GetAtoms()
    )
