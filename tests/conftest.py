"""For all tests: what takes long on a busy machine is not wrong for that."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
