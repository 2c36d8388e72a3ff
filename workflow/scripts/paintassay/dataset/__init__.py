"""Splits, and every view with its compound, labels and part; the single cells and profiles."""
