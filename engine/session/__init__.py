"""The open documents: counted, read into a cache, asked about."""
