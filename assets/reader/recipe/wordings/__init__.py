"""The words of made-up facts and of questions about them."""
