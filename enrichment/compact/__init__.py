"""The compact engine: what of it the rest of enrichment uses."""

from enrichment.compact.corrections import Corrections, CorrectionsError, Example, cross_validated, fit
from enrichment.compact.engine import CompactEngine
from enrichment.compact.store import WeightsError

__all__ = ["CompactEngine", "Corrections", "CorrectionsError", "Example", "WeightsError", "cross_validated", "fit"]
