"""Options and settings: command line, environment, file, standard input."""
