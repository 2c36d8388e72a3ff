"""The page of the report: one HTML file."""
