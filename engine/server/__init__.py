"""The engine process: reads requests, writes events."""
