"""What app and engine share: configuration, requests, events, errors, and their JSON lines."""
