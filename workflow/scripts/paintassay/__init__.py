"""Predict biological assays from Cell Painting images: the library behind the workflow.

Plain functions over arrays and tables. Nothing in here knows Snakemake.
"""

__version__ = "0.1.0"
