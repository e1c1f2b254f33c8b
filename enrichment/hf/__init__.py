"""Sentiment by a Hugging Face model, on the CPU. Needs the extra "hf"; imported only when it is asked for."""

from enrichment.hf.engine import TransformerEngine
from enrichment.hf.files import ModelError

__all__ = ["ModelError", "TransformerEngine"]
