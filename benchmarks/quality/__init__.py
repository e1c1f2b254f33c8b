"""How good the tags are, on public sets: one module an area, each with `measure()`; held against floors in tests/quality."""
