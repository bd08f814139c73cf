"""The screens: start, the conversation, and the dialogs over it."""
