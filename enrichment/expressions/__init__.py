"""Expressions of monitors, compiled: thousands of them against every text that comes in."""

from enrichment.expressions.document import Document, Facts
from enrichment.expressions.matcher import Expressions, Hit, check

__all__ = ["Document", "Expressions", "Facts", "Hit", "check"]
