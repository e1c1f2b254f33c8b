"""Trains the compact engine's weights on the public sets: `make train`. Nothing of it is used at run time."""
