"""The command line: a module here is a command."""
