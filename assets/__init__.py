"""The embedded reader and the demonstration document."""
