"""The engine's process: requests come in, events go out."""
