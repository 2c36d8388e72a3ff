"""Columns by which the rows of several tables are named, and the parts of a split: written once."""

WELL = ["plate", "well"]
VIEW = [*WELL, "site"]
# One training of a method: a replicate on a split.
RUN = ["split", "replicate"]

PARTS = ("train", "validation", "test")
# What is in no part of a split: views without labels, those of controls too.
UNLABELLED = "unlabelled"
