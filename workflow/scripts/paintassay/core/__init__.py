"""What all stages share: errors, files, tables, jobs."""
