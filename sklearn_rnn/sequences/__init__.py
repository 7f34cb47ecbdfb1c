"""From tables, lists and arrays to sequences, and the transformers of sequences. On top of core."""
