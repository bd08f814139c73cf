"""Tokens a second by context, against what the memory's bandwidth allows."""
