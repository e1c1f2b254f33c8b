"""The file of weights: models of all languages in one compressed archive of arrays, nothing that could be run."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from enrichment.compact.features import NUMBERS
from enrichment.compact.model import Weights
from enrichment.compact.rows import SIZE

NAME: Final = "weights.npz"
_ARRAYS: Final = ("table", "importance", "scale", "importance_scale", "numbers", "bias", "temperature")
THE_SAME: Final = (1980, 1, 1, 0, 0, 0)  # the time in the archive, so that equal weights are equal bytes


class WeightsError(Exception):
    """The file of weights does not fit this program; `make train` makes a new one."""


@dataclass(frozen=True)
class Shipped:
    """`digest` names the weights: it changes with any of them."""

    models: Mapping[str, Weights]  # by ISO 639-1
    digest: str


@cache
def shipped() -> Shipped:
    """The weights that come with Ronzio. Raises WeightsError."""
    return loads(files("enrichment").joinpath("compact", NAME).read_bytes())


def dumps(models: Mapping[str, Weights]) -> bytes:
    """Equal models give equal bytes."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for language in sorted(models):
            for name in _ARRAYS:
                entry = zipfile.ZipInfo(f"{language}.{name}.npy", THE_SAME)
                content = array_bytes(np.asarray(getattr(models[language], name)))
                archive.writestr(entry, content, zipfile.ZIP_DEFLATED, 9)
    return whole.getvalue()


def array_bytes(array: NDArray[Any]) -> bytes:
    """As numpy writes it, without pickle."""
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()


def loads(content: bytes) -> Shipped:
    """Raises WeightsError."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            languages = sorted({name.partition(".")[0] for name in archive.files})
            models = {
                language: _weights({name: archive[f"{language}.{name}"] for name in _ARRAYS}) for language in languages
            }
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise WeightsError(f"the weights of the compact engine cannot be read: {error}") from None
    return Shipped(models, hashlib.blake2b(content, digest_size=4).hexdigest())


def _weights(arrays: Mapping[str, NDArray[Any]]) -> Weights:
    if arrays["table"].shape != (SIZE, 3) or arrays["numbers"].shape != (NUMBERS, 3):
        raise ValueError(f"made for other features: {arrays['table'].shape}, {arrays['numbers'].shape}")
    return Weights(
        table=arrays["table"].astype(np.int8),
        importance=arrays["importance"].astype(np.uint8),
        scale=float(arrays["scale"]),
        importance_scale=float(arrays["importance_scale"]),
        numbers=arrays["numbers"].astype(np.float32),
        bias=arrays["bias"].astype(np.float32),
        temperature=float(arrays["temperature"]),
    )
