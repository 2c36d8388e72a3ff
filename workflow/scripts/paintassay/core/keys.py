"""Name what several stages share: the key columns of their tables, and the parts of a split."""

WELL = ["plate", "well"]
VIEW = [*WELL, "site"]
# One training of a method: a replicate on a split.
RUN = ["split", "replicate"]

PARTS = ("train", "validation", "test")
# Views in no part of a split: those without labels, such as those of controls.
UNLABELLED = "unlabelled"
