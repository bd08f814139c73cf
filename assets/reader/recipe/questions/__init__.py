"""What is asked of a document, and the quotations that answer it."""
