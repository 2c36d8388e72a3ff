"""The embedded demo screen: a library, a small ChEMBL and drawn plates."""
