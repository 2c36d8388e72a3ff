"""Read a SMILES with its CXSMILES tail, and what of it an InChI can say."""

import re
from typing import NamedTuple

from rdkit import Chem

# Items of a tail that say how centres are to be read: a (absolute), o (one of two), & (both).
_STEREO_ITEM = re.compile(r"(?:^|,)([ao&]\d*:\d+(?:,\d+)*)(?=,|$)")
# The centres without a group, of the whole molecule or of fragments, are relative: both.
_RELATIVE = re.compile(r"(?:^|,)r(?::(\d+(?:,\d+)*))?(?=,|$)")
# Labels and coordinates, which may hold any of these letters.
_TEXTS = re.compile(r"\$.*?\$|\(.*?\)")
# What a SMILES without a tail must hold for `unsayable` to find anything.
_SUSPECT = re.compile(r"@(?:SP|TB|OH|AL)|->|<-|[~$*]|#0")
_TETRAHEDRAL = (
    Chem.ChiralType.CHI_UNSPECIFIED,
    Chem.ChiralType.CHI_TETRAHEDRAL_CW,
    Chem.ChiralType.CHI_TETRAHEDRAL_CCW,
)
_BOND_TYPES = (
    Chem.BondType.SINGLE,
    Chem.BondType.DOUBLE,
    Chem.BondType.TRIPLE,
    Chem.BondType.AROMATIC,
)
_ATROPISOMER = (Chem.BondStereo.STEREOATROPCW, Chem.BondStereo.STEREOATROPCCW)


class Reading(NamedTuple):
    """A molecule, and what of the tail could not be read (None: all was)."""

    molecule: Chem.Mol
    tail: str
    unread: str | None


def split_tail(smiles: str) -> tuple[str, str]:
    """The SMILES and the CXSMILES tail behind it, "" if there is none or only a name."""
    core, *rest = smiles.split(maxsplit=1)
    tail = rest[0] if rest else ""
    return core, tail if tail.startswith("|") else ""


def read_smiles(smiles: str) -> Reading | None:
    """Read a SMILES; of a tail that RDKit does not know, at least the stereo groups.

    Parameters
    ----------
    smiles : str
        Also with a CXSMILES tail or a name behind it.

    Returns
    -------
    Reading or None
        None if the SMILES itself cannot be parsed.
    """
    core, tail = split_tail(smiles)
    molecule = Chem.MolFromSmiles(smiles if tail else core)
    body = _body(tail)
    if molecule is not None:
        return Reading(molecule, body, _missing_atoms(molecule, body))
    if not tail or (molecule := Chem.MolFromSmiles(core)) is None:
        return None
    # RDKit gives up at the first item that it does not know, and with it all that follow.
    groups = ",".join(_STEREO_ITEM.findall(_TEXTS.sub("", body)))
    grouped = Chem.MolFromSmiles(f"{core} |{groups}|") if groups else None
    unread = f"of {tail!r}, only stereo groups were read: {groups or 'it has none'}"
    return Reading(grouped or molecule, body, unread)


def racemic_centres(reading: Reading) -> tuple[list[int], list[int]]:
    """Atoms and bonds whose drawn configuration stands for both: ``&`` groups and ``r``."""
    molecule, atoms, bonds, grouped = reading.molecule, set(), set(), set()
    for group in molecule.GetStereoGroups():
        members = {atom.GetIdx() for atom in group.GetAtoms()}
        grouped |= members
        if group.GetGroupType() == Chem.StereoGroupType.STEREO_AND:
            atoms |= members
            bonds |= {bond.GetIdx() for bond in group.GetBonds()}
    for relative in _RELATIVE.finditer(_TEXTS.sub("", reading.tail)):
        fragments = Chem.GetMolFrags(molecule)
        if relative[1]:
            numbers = [int(number) for number in relative[1].split(",")]
            fragments = tuple(fragments[n] for n in numbers if n < len(fragments))
        atoms |= {
            index
            for fragment in fragments
            for index in fragment
            if index not in grouped and molecule.GetAtomWithIdx(index).GetChiralTag()
        }
    return sorted(atoms), sorted(bonds)


def without_stereo(molecule: Chem.Mol, atoms: list[int], bonds: list[int]) -> Chem.Mol:
    """A copy in which these atoms and bonds have no configuration."""
    flat = Chem.RWMol(molecule)
    for index in atoms:
        flat.GetAtomWithIdx(index).SetChiralTag(Chem.ChiralType.CHI_UNSPECIFIED)
    for index in bonds:
        flat.GetBondWithIdx(index).SetStereo(Chem.BondStereo.STEREONONE)
    flat.SetStereoGroups([])
    Chem.AssignStereochemistry(flat, cleanIt=True, force=True)
    return flat.GetMol()


def unsayable(smiles: str, reading: Reading) -> list[str]:
    """What RDKit reads of a structure, or leaves out, and a standard InChI cannot say."""
    if not reading.tail and not _SUSPECT.search(smiles):
        return []
    molecule, core = reading.molecule, split_tail(smiles)[0]
    reasons = []
    for group in molecule.GetStereoGroups():
        if group.GetGroupType() == Chem.StereoGroupType.STEREO_OR:
            members = [atom.GetIdx() for atom in group.GetAtoms()]
            reasons.append(f"one enantiomer of two, unknown which (o, atoms {_listed(members)})")
    atoms = list(molecule.GetAtoms())
    found = {
        "R group or unknown atom": [a.GetIdx() for a in atoms if not a.GetAtomicNum()],
        "query atom": [a.GetIdx() for a in atoms if a.HasQuery() and a.GetAtomicNum()],
        "stereo that is not tetrahedral, atom": [
            a.GetIdx() for a in atoms if a.GetChiralTag() not in _TETRAHEDRAL
        ],
        "several unpaired electrons, atom": [
            a.GetIdx() for a in atoms if a.GetNumRadicalElectrons() > 1 and "^" in reading.tail
        ],
        "open bond": [b.GetIdx() for b in molecule.GetBonds() if b.HasQuery()],
        "dative, hydrogen or other bond": other_bonds(molecule),
        "atropisomer, bond": [
            b.GetIdx() for b in molecule.GetBonds() if b.GetStereo() in _ATROPISOMER
        ],
    }
    reasons += [f"{name} {_listed(numbers)}" for name, numbers in found.items() if numbers]
    if "@AL" in core:
        reasons.append("stereo of an allene, which RDKit does not read")
    kinds = sorted({group.GetProp("TYPE") for group in Chem.GetMolSubstanceGroups(molecule)})
    reasons += [f"group of atoms of type {kind}" for kind in kinds]
    if molecule.HasProp("_molLinkNodes"):
        reasons.append("link node: a part that repeats")
    if any(bond.HasProp("_MolFileBondEndPts") for bond in molecule.GetBonds()):
        reasons.append("a bond to one of several atoms")
    return reasons


def other_bonds(molecule: Chem.Mol) -> list[int]:
    """Bonds of a type that RDKit cannot hand to InChI: dative, hydrogen, zero order."""
    return [
        bond.GetIdx()
        for bond in molecule.GetBonds()
        if bond.GetBondType() not in _BOND_TYPES and not bond.HasQuery()
    ]


def without_bonds(molecule: Chem.Mol, bonds: list[int]) -> Chem.Mol:
    """A copy without these bonds. A standard InChI cuts those to metals by itself."""
    cut = Chem.RWMol(molecule)
    for index in sorted(bonds, reverse=True):
        bond = molecule.GetBondWithIdx(index)
        cut.RemoveBond(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx())
    cut.UpdatePropertyCache(strict=False)
    return cut.GetMol()


def _body(tail: str) -> str:
    """What stands between the bars of a tail."""
    return tail[1:].partition("|")[0] if tail else ""


def _missing_atoms(molecule: Chem.Mol, body: str) -> str | None:
    """Say which stereo groups name atoms that are not there; RDKit passes over them."""
    for item in _STEREO_ITEM.findall(_TEXTS.sub("", body)):
        numbers = [int(number) for number in item.partition(":")[2].split(",")]
        if max(numbers) >= molecule.GetNumAtoms():
            return f"{item} names an atom beyond the last, {molecule.GetNumAtoms() - 1}"
    return None


def _listed(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers))
