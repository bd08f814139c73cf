"""A conversation with one engine process: its state, what moves it, and what is sent when."""
