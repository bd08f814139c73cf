"""The document as the model read it, made searchable and laid out for the screen."""
