"""One module a command; see `ronzio.cli`."""
