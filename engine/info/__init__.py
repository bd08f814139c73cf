"""What the engine runs on, for `sa-engine info` and beside every measured figure."""
