"""A scripted engine: every event of the real one, without a model."""
