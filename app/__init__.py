"""The sa-chat screen and command line."""
