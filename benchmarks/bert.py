"""A BERT text classifier as an ONNX file: weights by their names in the model's own files in, a folder that the engine reads out.

For measuring and testing: real weights (MiniLM's) with a head of our own, or a tiny network with random ones. Nothing
of this is needed to use a model from the Hub.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

Floats = NDArray[np.float32]
Weights = Mapping[str, Floats]
OPSET = 17  # the first with LayerNormalization


class Shape(NamedTuple):
    """The sizes of a BERT."""

    vocabulary: int
    hidden: int
    layers: int
    heads: int
    inner: int
    positions: int = 512
    epsilon: float = 1e-12


class Head(NamedTuple):
    """A linear layer on the mean of the last states: (hidden, labels) and (labels,)."""

    weights: Floats
    bias: Floats


def random_weights(shape: Shape, seed: int) -> dict[str, Floats]:
    """Weights of that size, drawn at random."""
    chance = np.random.default_rng(seed)

    def drawn(*size: int) -> Floats:
        return chance.normal(0, 1 / np.sqrt(size[-1]), size).astype(np.float32)

    found = {
        "embeddings.word_embeddings.weight": drawn(shape.vocabulary, shape.hidden) * 4,
        "embeddings.position_embeddings.weight": drawn(shape.positions, shape.hidden),
        "embeddings.token_type_embeddings.weight": drawn(2, shape.hidden),
    }
    for layer in range(shape.layers):
        at = f"encoder.layer.{layer}."
        for name in ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"):
            found |= {f"{at}{name}.weight": drawn(shape.hidden, shape.hidden), f"{at}{name}.bias": drawn(shape.hidden)}
        found |= {f"{at}intermediate.dense.weight": drawn(shape.inner, shape.hidden)}
        found |= {f"{at}intermediate.dense.bias": drawn(shape.inner)}
        found |= {f"{at}output.dense.weight": drawn(shape.hidden, shape.inner)}
        found |= {f"{at}output.dense.bias": drawn(shape.hidden)}
    norms = ["embeddings.LayerNorm"]
    norms += [f"encoder.layer.{n}.{of}.LayerNorm" for n in range(shape.layers) for of in ("attention.output", "output")]
    for norm in norms:
        found |= {
            f"{norm}.weight": np.ones(shape.hidden, np.float32),
            f"{norm}.bias": np.zeros(shape.hidden, np.float32),
        }
    return found


def save(folder: Path, shape: Shape, weights: Weights, head: Head, tokenizer: str, labels: Sequence[str]) -> Path:
    """Writes model.onnx, config.json and tokenizer.json into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(_Graph(shape, weights).classifier(head), str(folder / "model.onnx"))
    config: dict[str, Any] = {
        "model_type": "bert",
        "id2label": {str(number): label for number, label in enumerate(labels)},
        "max_position_embeddings": shape.positions,
        "pad_token_id": 0,
    }
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "tokenizer.json").write_text(tokenizer)
    return folder


WORDS = "the service was good bad awful train late today acme zenit @user http . , ! un disastro grazie mille".split()
LABELS = ("negative", "neutral", "positive")
TINY = Shape(vocabulary=len(WORDS) + 4, hidden=16, layers=2, heads=2, inner=32, positions=40)


def tokenizer() -> str:
    """One that knows `WORDS`, as tokenizer.json says it."""
    vocabulary = {word: number for number, word in enumerate(("[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS))}
    made = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    made.normalizer = normalizers.Lowercase()
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    made.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    return made.to_str()


def tiny(folder: Path, labels: Sequence[str] = LABELS, seed: int = 3) -> Path:
    """A transformer of a few kilobytes with random weights, for tests."""
    chance = np.random.default_rng(seed)
    head = Head(chance.normal(0, 2, (TINY.hidden, len(labels))).astype(np.float32), np.zeros(len(labels), np.float32))
    return save(folder, TINY, random_weights(TINY, seed), head, tokenizer(), labels)


class _Graph:
    """Nodes and constants as they are added; every method answers the name of its result."""

    def __init__(self, shape: Shape, weights: Weights) -> None:
        self._shape = shape
        self._weights = weights
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def _do(self, operator: str, *inputs: str, **attributes: Any) -> str:
        name = f"n{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, list(inputs), [name], **attributes))
        return name

    def _of(self, values: Any) -> str:
        name = f"c{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def _dense(self, states: str, name: str) -> str:
        product = self._do("MatMul", states, self._of(np.ascontiguousarray(self._weights[f"{name}.weight"].T)))
        return self._do("Add", product, self._of(self._weights[f"{name}.bias"]))

    def _norm(self, states: str, name: str) -> str:
        scale, shift = (self._of(self._weights[f"{name}.{part}"]) for part in ("weight", "bias"))
        return self._do("LayerNormalization", states, scale, shift, axis=-1, epsilon=self._shape.epsilon)

    def _embedded(self) -> str:
        words, places, kinds = (
            self._of(self._weights[f"embeddings.{kind}_embeddings.weight"])
            for kind in ("word", "position", "token_type")
        )
        length = self._do("Squeeze", self._do("Shape", "input_ids", start=1, end=2))
        count = self._do("Range", self._of(np.int64(0)), length, self._of(np.int64(1)))
        total = self._do("Add", self._do("Gather", words, "input_ids"), self._do("Gather", places, count))
        return self._norm(self._do("Add", total, self._do("Gather", kinds, "token_type_ids")), "embeddings.LayerNorm")

    def _split(self, states: str, order: list[int]) -> str:
        heads = self._shape.heads
        shape = self._of(np.array([0, 0, heads, self._shape.hidden // heads], np.int64))
        return self._do("Transpose", self._do("Reshape", states, shape), perm=order)

    def _layer(self, states: str, hidden: str, number: int) -> str:
        at = f"encoder.layer.{number}."
        query = self._split(self._dense(states, f"{at}attention.self.query"), [0, 2, 1, 3])
        key = self._split(self._dense(states, f"{at}attention.self.key"), [0, 2, 3, 1])
        value = self._split(self._dense(states, f"{at}attention.self.value"), [0, 2, 1, 3])
        scale = self._of(np.float32((self._shape.hidden // self._shape.heads) ** -0.5))
        scores = self._do("Add", self._do("Mul", self._do("MatMul", query, key), scale), hidden)
        mixed = self._do("MatMul", self._do("Softmax", scores, axis=-1), value)
        flat = self._of(np.array([0, 0, self._shape.hidden], np.int64))
        joined = self._do("Reshape", self._do("Transpose", mixed, perm=[0, 2, 1, 3]), flat)
        attended = self._do("Add", states, self._dense(joined, f"{at}attention.output.dense"))
        attended = self._norm(attended, f"{at}attention.output.LayerNorm")
        inner = self._gelu(self._dense(attended, f"{at}intermediate.dense"))
        return self._norm(self._do("Add", attended, self._dense(inner, f"{at}output.dense")), f"{at}output.LayerNorm")

    def _gelu(self, states: str) -> str:
        erf = self._do("Erf", self._do("Mul", states, self._of(np.float32(2**-0.5))))
        half = self._do("Mul", states, self._of(np.float32(0.5)))
        return self._do("Mul", half, self._do("Add", erf, self._of(np.float32(1))))

    def classifier(self, head: Head) -> Any:
        """input_ids, attention_mask, token_type_ids (batch, tokens) -> embedding (batch, hidden) and logits (batch, labels)."""
        mask = self._do("Cast", "attention_mask", to=TensorProto.FLOAT)
        away = self._do("Mul", self._do("Sub", self._of(np.float32(1)), mask), self._of(np.float32(-1e4)))
        hidden = self._do("Unsqueeze", away, self._of(np.array([1, 2], np.int64)))
        states = self._embedded()
        for number in range(self._shape.layers):
            states = self._layer(states, hidden, number)
        weight = self._do("Unsqueeze", mask, self._of(np.array([2], np.int64)))
        one = self._of(np.array([1], np.int64))
        total = self._do("ReduceSum", self._do("Mul", states, weight), one, keepdims=0)
        self._nodes.append(
            helper.make_node("Div", [total, self._do("ReduceSum", weight, one, keepdims=0)], ["embedding"])
        )
        product = self._do("MatMul", "embedding", self._of(head.weights))
        self._nodes.append(helper.make_node("Add", [product, self._of(head.bias)], ["logits"]))
        names = ("input_ids", "attention_mask", "token_type_ids")
        inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "tokens"]) for name in names]
        outputs = [
            helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", len(head.bias)]),
            helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", self._shape.hidden]),
        ]
        graph = helper.make_graph(self._nodes, "classifier", inputs, outputs, self._constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)
        onnx.checker.check_model(model)
        return model
