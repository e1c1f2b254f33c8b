"""Where a model's files are: a name on the Hub or a folder in, what is needed to run it out.

A folder is taken as it is. A name is downloaded once into the Hub's own cache, and found there afterwards without the
internet. ONNX is preferred; weights for PyTorch are run where torch and transformers are installed.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import xxhash

INSTALL: Final = 'pip install "ronzio[hf]"'
INSTALL_TORCH: Final = "pip install torch transformers sentencepiece protobuf"
# In the order of preference. Quantised ones are not taken by themselves: they answer otherwise than the model's card says.
ONNX: Final = ("model.onnx", "onnx/model.onnx")
SMALL_FILES: Final = ("config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")
TORCH_FILES: Final = ("*.safetensors", "pytorch_model.bin", "*.model", "vocab*", "merges.txt", "*.json")
_READ: Final = 1 << 20


class ModelError(Exception):
    """The model cannot be used; the message says why and what to do."""


class Files(NamedTuple):
    """A model on this machine. `onnx` is None where it is for PyTorch."""

    name: str
    folder: Path
    config: dict[str, Any]
    onnx: Path | None
    digest: str  # of configuration and weights


def find(name: str) -> Files:
    """The files of the model `name`: a folder, or a name on the Hub. Raises ModelError."""
    folder = Path(name).expanduser()
    if folder.is_dir():
        return _files(name, folder)
    if name.startswith((".", "/", "~")) or name.count("/") > 1 or folder.exists():
        raise ModelError(f"{folder} is no folder; a model has config.json, tokenizer.json and model.onnx in one")
    return _files(name, _downloaded(name))


def _downloaded(name: str) -> Path:
    if importlib.util.find_spec("huggingface_hub") is None:
        raise ModelError(f"to download {name}, install the extra: {INSTALL}")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    def fetched(*patterns: str) -> Path:
        return Path(snapshot_download(name, allow_patterns=list(patterns)))

    try:
        folder = fetched(*SMALL_FILES, *ONNX, *(f"{path}_data" for path in ONNX))
        if _onnx(folder) is None and torch_there():
            folder = fetched(*SMALL_FILES, *TORCH_FILES)
    except HFValidationError as error:
        raise ModelError(f'"{name}" is neither a folder here nor a name on the Hugging Face Hub: {error}') from None
    except HfHubHTTPError as error:
        raise ModelError(f"{name} cannot be downloaded from the Hugging Face Hub: {error}") from None
    except (OSError, ValueError) as error:
        raise ModelError(
            f"{name} is not on this machine and the Hugging Face Hub cannot be reached: {str(error).splitlines()[0]}. "
            "A folder with the model's files works without it"
        ) from None
    return folder


def torch_there() -> bool:
    """Whether weights for PyTorch can be run."""
    return all(importlib.util.find_spec(package) is not None for package in ("torch", "transformers"))


def _files(name: str, folder: Path) -> Files:
    try:
        config = msgspec.json.decode((folder / "config.json").read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.MsgspecError) as error:
        raise ModelError(f"{folder / 'config.json'} cannot be read: {error}") from None
    onnx = _onnx(folder)
    if onnx is None and not torch_there():
        raise ModelError(
            f"{folder} has no {' or '.join(ONNX)}, and its weights for PyTorch need more packages: {INSTALL_TORCH}"
        )
    if onnx is not None and not (folder / "tokenizer.json").is_file():
        raise ModelError(f"{folder} has no tokenizer.json, which an ONNX model needs")
    return Files(name, folder, config, onnx, _digest(folder, onnx))


def _onnx(folder: Path) -> Path | None:
    return next((folder / path for path in ONNX if (folder / path).is_file()), None)


def _digest(folder: Path, onnx: Path | None) -> str:
    """Of what decides the answers. A gigabyte takes a second."""
    weights = [onnx, onnx.with_name(onnx.name + "_data")] if onnx else sorted(folder.glob("*.safetensors"))
    weights = weights or [folder / "pytorch_model.bin"]
    found = xxhash.xxh3_128()
    for path in [folder / "config.json", folder / "tokenizer.json", *weights]:
        if path is not None and path.is_file():
            with path.open("rb") as file:
                while piece := file.read(_READ):
                    found.update(piece)
    return found.hexdigest()[:8]
