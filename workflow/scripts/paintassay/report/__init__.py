"""The figures, the page and the description of the results."""
