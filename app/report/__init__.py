"""Events and figures as text and as JSON."""
