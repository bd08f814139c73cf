"""A scripted engine: all events of the real one, without a model."""
