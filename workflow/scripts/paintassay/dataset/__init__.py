"""Splits, and every view with its compound, labels and part; cells and profiles beside it."""
