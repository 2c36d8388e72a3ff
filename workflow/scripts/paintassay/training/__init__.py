"""The training of a model, and its use."""
