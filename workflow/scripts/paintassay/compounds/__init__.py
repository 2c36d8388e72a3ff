"""The compound library as InChIKeys."""
