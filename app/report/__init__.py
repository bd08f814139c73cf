"""Events and figures as text: for people, for speech, and as JSON."""
