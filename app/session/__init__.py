"""A conversation with one engine: its state, the reducer, and what is sent when."""
