"""The modes without a screen: one answer, a count, a conversation line by line."""
