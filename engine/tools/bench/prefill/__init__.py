"""Time to the first token by length, dense and sparse in alternation."""
