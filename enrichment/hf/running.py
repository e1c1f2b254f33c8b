"""Runs a model: texts in, one row of logits for each out. ONNX Runtime, or PyTorch where a model has nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from enrichment.hf.files import INSTALL, Files, ModelError

LONGEST: Final = 256  # tokens of a text that are read
Logits = NDArray[np.float32]
Run = Callable[[Sequence[str]], Logits]


def runner(files: Files, threads: int) -> Run:
    """What runs the model, on `threads` cores. Raises ModelError."""
    return _torch(files, threads) if files.onnx is None else _onnx(files, threads)


def _longest(files: Files) -> int:
    """RoBERTa and its kin count positions from 2."""
    return min(LONGEST, int(files.config.get("max_position_embeddings") or LONGEST + 2) - 2)


def _onnx(files: Files, threads: int) -> Run:
    try:
        from onnxruntime import InferenceSession, SessionOptions
        from tokenizers import Tokenizer
    except ImportError as error:
        raise ModelError(f"Hugging Face models need the extra: {INSTALL} ({error})") from None
    try:
        tokenizer = Tokenizer.from_file(str(files.folder / "tokenizer.json"))
        options = SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        session = InferenceSession(str(files.onnx), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001 both raise types of their own that are not exported
        raise ModelError(f"{files.folder} cannot be loaded: {error}") from None
    tokenizer.enable_truncation(_longest(files))
    tokenizer.enable_padding(pad_id=int(files.config.get("pad_token_id") or 0))
    wanted = [one.name for one in session.get_inputs()]
    if "input_ids" not in wanted:
        raise ModelError(f"{files.onnx} is no text classifier: its inputs are {', '.join(wanted)}")

    def run(texts: Sequence[str]) -> Logits:
        encoded = tokenizer.encode_batch(list(texts))
        inputs: dict[str, Any] = {
            "input_ids": [one.ids for one in encoded],
            "attention_mask": [one.attention_mask for one in encoded],
            "token_type_ids": [one.type_ids for one in encoded],
        }
        answer = session.run(None, {name: np.array(inputs[name], np.int64) for name in wanted if name in inputs})[0]
        return np.asarray(answer, np.float32)

    return run


def _torch(files: Files, threads: int) -> Run:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    torch.set_num_threads(threads)
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(files.folder))
        model = AutoModelForSequenceClassification.from_pretrained(str(files.folder)).eval()
    except Exception as error:  # noqa: BLE001 whatever is wrong with the files
        raise ModelError(f"{files.folder} cannot be loaded: {error}") from None

    def run(texts: Sequence[str]) -> Logits:
        inputs = tokenizer(list(texts), padding=True, truncation=True, max_length=_longest(files), return_tensors="pt")
        with torch.inference_mode():
            return np.asarray(model(**inputs).logits.numpy(), np.float32)

    return run
