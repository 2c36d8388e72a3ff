"""Predictions of views averaged over wells, compounds and replicates."""
