"""One file a page; `main.py` runs the one that was asked for."""
