"""Predict biological assays from Cell Painting images: the library behind the workflow.

Plain functions over arrays and tables. Nothing in here knows Snakemake. One package is one stage
of the workflow; `paintassay.api` is the part that stays, for notebooks and other programs.
"""
