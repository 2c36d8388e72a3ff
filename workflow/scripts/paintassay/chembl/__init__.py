"""What ChEMBL knows about the library, from a dump or from the web service."""
