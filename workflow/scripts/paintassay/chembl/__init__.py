"""What ChEMBL knows of the library, from a dump or from the web service."""
