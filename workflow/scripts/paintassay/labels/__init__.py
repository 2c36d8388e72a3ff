"""Activities of the library in ChEMBL, and assays, as labels and as the label matrix."""
