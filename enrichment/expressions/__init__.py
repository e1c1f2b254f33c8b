"""Expressions of monitors, compiled: thousands of them against every text that comes in."""

from enrichment.expressions.document import Document, Facts, words_of
from enrichment.expressions.matcher import Expressions, Hit, check

__all__ = ["Document", "Expressions", "Facts", "Hit", "check", "words_of"]
