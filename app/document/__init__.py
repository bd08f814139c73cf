"""The text that the model reads, searchable, with the place of every row."""
