"""Make the InChIKeys of the tautomers of structures."""

from collections.abc import Sequence

from rdkit import Chem, rdBase
from rdkit.Chem.MolStandardize import rdMolStandardize

# Bounds on the work for one structure. InChI sees to mobile hydrogens by itself; what RDKit adds
# are keto and enol, nitroso and oxime, and their like.
MAX_TAUTOMERS, MAX_TRANSFORMS = 50, 200


def tautomer_keys(smiles: Sequence[str]) -> list[list[str]]:
    """Make the InChIKeys of the tautomers that RDKit finds of each structure.

    Parameters
    ----------
    smiles : list of str
        Canonical SMILES.

    Returns
    -------
    list of list of str
        Those that differ from the structure's own key, for each SMILES.
    """
    enumerator = rdMolStandardize.TautomerEnumerator()
    enumerator.SetMaxTautomers(MAX_TAUTOMERS)
    enumerator.SetMaxTransforms(MAX_TRANSFORMS)
    with rdBase.BlockLogs():
        return [_keys_of(enumerator, Chem.MolFromSmiles(text)) for text in smiles]


def _keys_of(enumerator: rdMolStandardize.TautomerEnumerator, molecule: Chem.Mol) -> list[str]:
    keys = {Chem.MolToInchiKey(tautomer) for tautomer in enumerator.Enumerate(molecule)}
    return sorted(keys - {Chem.MolToInchiKey(molecule), ""})
