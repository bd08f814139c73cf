"""The client side of the engine process: pipes, JSON lines, and the engine's log."""
