"""Natural questions over real documents, from a file of questions: the task `asked`."""
