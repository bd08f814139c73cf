"""The screens: the conversation, and the help over it."""
