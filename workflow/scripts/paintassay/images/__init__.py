"""Raw images as 8-bit shards, with quality control."""
