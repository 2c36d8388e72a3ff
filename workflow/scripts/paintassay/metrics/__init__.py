"""How well scores predict labels, with tests and intervals, on plain arrays."""
