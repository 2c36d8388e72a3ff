"""Constants that only cut work into pieces."""

# The annotation of a constant whose value changes time and memory but never a result, not by a bit.
# `plan.code_digest` leaves such a value out, so that another one reruns nothing.
WorkSize = int
