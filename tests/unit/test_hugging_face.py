"""Hugging Face models, on a tiny transformer made here: labels, batches, memory, errors, and their way into a mention."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from tokenizers import Tokenizer

from benchmarks.bert import LABELS, TINY, Head, random_weights, save, tiny, tokenizer
from enrichment import EngineError, Enricher, EnrichmentSettings, Passage, sentiment_engine
from enrichment.hf import ModelError, TransformerEngine
from enrichment.hf.engine import readable
from enrichment.hf.labels import LabelsError, polarities
from enrichment.sentiment import MASK
from stream import Brand, Item, Mention


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny(tmp_path_factory.mktemp("model"))


def passages(*texts: str) -> list[Passage]:
    return [Passage(text.split(), "en") for text in texts]


TEXTS = [
    "good", "the train was late today", "un disastro !", "grazie mille", "bad , awful , bad", "the service was good today .",
    "train", "late late late late late late late late late", "awful service",
]  # fmt: skip


def test_texts_in_a_batch_are_judged_as_alone(folder: Path) -> None:
    together = TransformerEngine(str(folder)).judge(passages(*TEXTS, *TEXTS))
    alone = [TransformerEngine(str(folder)).judge(passages(text))[0] for text in TEXTS]
    assert [one.label for one in together] == [one.label for one in alone] * 2
    assert np.allclose([one.score for one in together], [one.score for one in alone] * 2, atol=1e-3)
    assert len({one.label for one in alone}) > 1, "a model that says the same of everything tests nothing"
    assert all(0.33 <= one.confidence <= 1 and one.by == f"model {folder}" for one in together)


def test_a_text_seen_before_is_not_asked_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = TransformerEngine(str(folder))
    asked: list[str] = []
    run = engine._run

    def counted(texts: Sequence[str]) -> Any:
        asked.extend(texts)
        return run(texts)

    monkeypatch.setattr(engine, "_run", counted)
    first = engine.judge(passages("good", "bad", "good"))
    assert engine.judge(passages("bad", "good")) == [first[1], first[0]]
    assert sorted(asked) == ["bad", "good"]


def test_an_unsure_model_says_nothing(tmp_path: Path) -> None:
    flat = Head(np.zeros((16, 3), np.float32), np.zeros(3, np.float32))
    save(tmp_path, TINY, random_weights(TINY, 1), flat, tokenizer(), LABELS)
    [judgement] = TransformerEngine(str(tmp_path)).judge(passages("awful"))
    assert (judgement.label, judgement.unsure, judgement.confidence) == ("neutral", True, 0.333)


def test_what_a_model_gets_to_read() -> None:
    tokens = f"RT @anna: {MASK}7, meglio di l'{MASK}12! {MASK}7 http://x.example/1 \U0001f600".split()
    assert readable(tokens) == "RT @user Acme, meglio di l'Zenit! Acme http \U0001f600"
    long = [*["parola"] * 300, f"{MASK}1", "disastro.", *["parola"] * 300]
    assert len(readable(long).split()) < 250 and "Acme disastro." in readable(long)
    assert readable([]) == "."


@pytest.mark.parametrize("text", ["", "\U0001f600", "\ud83d", "\u202e ciao", "x" * 100_000, "a " * 5000])
def test_any_text_is_judged(folder: Path, text: str) -> None:
    clean = text.encode("utf-8", "replace").decode()  # as the worker decodes
    [judgement] = TransformerEngine(str(folder)).judge(passages(clean))
    assert judgement.label in LABELS


@pytest.mark.parametrize(
    ("names", "given", "found"),
    [
        (["negative", "neutral", "positive"], (), "negative neutral positive"),
        (["POS", "NEG", "NEU"], (), "positive negative neutral"),
        (["Very Negative", "Negative", "Mixed", "Very Positive"], (), "negative negative neutral positive"),
        (["1 star", "2 stars", "3 stars", "4 stars", "5 stars"], (), "negative negative neutral positive positive"),
        (["LABEL_0", "LABEL_1", "LABEL_2"], ("negative", "neutral", "positive"), "negative neutral positive"),
        (["NEGATIVE", "POSITIVE"], (), "negative positive"),
    ],
)  # fmt: skip
def test_what_outputs_mean(names: list[str], given: tuple[str, ...], found: str) -> None:
    config = {"id2label": {str(number): name for number, name in enumerate(names)}}
    assert polarities(config, given) == tuple(found.split())


@pytest.mark.parametrize(
    ("config", "given", "message"),
    [
        ({"id2label": {"0": "LABEL_0", "1": "LABEL_1"}}, (), 'called "LABEL_0", "LABEL_1".*hf_labels = '),
        ({}, (), "called none"),
        ({"id2label": {"0": "joy", "1": "anger"}}, (), 'called "joy", "anger"'),
        ({"id2label": {"0": "neutral", "1": "positive"}}, (), "does not say"),
        (
            {"id2label": {"0": "a", "1": "b", "2": "c"}},
            ("negative", "positive"),
            "2 names, the model 3 outputs: a, b, c",
        ),
    ],
)
def test_outputs_that_are_not_understood(config: dict[str, Any], given: tuple[str, ...], message: str) -> None:
    with pytest.raises(LabelsError, match=message):
        polarities(config, given)


def test_labels_given_in_the_settings_are_part_of_the_version(tmp_path: Path) -> None:
    folder = tiny(tmp_path, ("LABEL_0", "LABEL_1", "LABEL_2"))
    with pytest.raises(EngineError, match=r"LABEL_0.*hf_labels"):
        sentiment_engine(EnrichmentSettings(engine=f"hf:{folder}"))
    first, second = (
        sentiment_engine(EnrichmentSettings(engine=f"hf:{folder}", hf_labels=labels))
        for labels in (LABELS, LABELS[::-1])
    )
    assert first.version != second.version
    said = [engine.judge(passages("bad awful"))[0].score for engine in (first, second)]
    assert said[0] == pytest.approx(-said[1])


def test_another_model_is_another_version(tmp_path: Path, folder: Path) -> None:
    other = TransformerEngine(str(tiny(tmp_path, seed=4))).version
    assert other.startswith(f"hf:{tmp_path}@") and other[-8:] != TransformerEngine(str(folder)).version[-8:]


def broken(folder: Path, tmp_path: Path, name: str, content: bytes | None) -> Path:
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    if content is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(content)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("config.json", None, "config.json cannot be read"),
        ("config.json", b"{", "config.json cannot be read"),
        ("tokenizer.json", None, "no tokenizer.json"),
        ("tokenizer.json", b"{}", "cannot be loaded"),
        ("model.onnx", b"nothing", "cannot be loaded"),
        (
            "config.json",
            json.dumps({"id2label": {"0": "neg", "1": "pos"}}).encode(),
            "no text classifier with 2 outputs",
        ),
    ],
)
def test_a_broken_model_says_what_is_wrong(
    folder: Path, tmp_path: Path, name: str, content: bytes | None, message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        TransformerEngine(str(broken(folder, tmp_path, name, content)))


def test_weights_for_torch_without_torch_say_what_to_install(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("enrichment.hf.files.torch_there", lambda: False)
    with pytest.raises(ModelError, match="pip install torch transformers"):
        TransformerEngine(str(broken(folder, tmp_path, "model.onnx", None)))


def test_a_folder_that_is_not_there() -> None:
    with pytest.raises(EngineError, match=r'engine = "hf:\./no-such-model": no-such-model is no folder'):
        sentiment_engine(EnrichmentSettings(engine="hf:./no-such-model"))


def test_without_the_extra_the_line_that_installs_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(EngineError, match=r'pip install "ronzio\[hf\]"'):
        sentiment_engine(EnrichmentSettings(engine=f"hf:{folder}"))


def test_a_name_is_downloaded_once_with_what_is_needed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    asked: list[tuple[str, list[str]]] = []

    def download(name: str, *, allow_patterns: list[str]) -> str:
        asked.append((name, allow_patterns))
        return str(folder)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    engine = sentiment_engine(EnrichmentSettings(engine="hf:someone/sentiment"))
    assert engine.version.startswith("hf:someone/sentiment@")
    [(name, patterns)] = asked
    assert name == "someone/sentiment" and "onnx/model.onnx" in patterns and "pytorch_model.bin" not in patterns


def test_a_name_that_cannot_be_had_without_the_internet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(
        EngineError, match="no-such/model is not on this machine and the Hugging Face Hub cannot be reached"
    ):
        sentiment_engine(EnrichmentSettings(engine="hf:no-such/model"))


def test_a_mention_carries_the_models_version(folder: Path) -> None:
    enricher = Enricher([Brand(name="Aurora")], EnrichmentSettings(engine=f"hf:{folder}"))
    now = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
    item = Item(
        id="00112233445566778899", source="s", channel="feed", fetched_at=now, published_at=now, text="Aurora bad awful"
    )
    [mention] = enricher.tag([msgspec.json.encode(item)])
    assert isinstance(mention, Mention)
    assert mention.judged_by == enricher.sentiment.version
    assert [why.by for why in mention.why if why.tag.startswith("sentiment:")] == [f"model {folder}"]


def test_weights_for_torch(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="torch is not installed: 200 MB and more that nothing else needs")
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    sizes = {"vocab_size": TINY.vocabulary, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
             "intermediate_size": 32, "max_position_embeddings": 40}  # fmt: skip
    config = transformers.BertConfig(**sizes, id2label=dict(enumerate(LABELS)))
    transformers.BertForSequenceClassification(config).save_pretrained(tmp_path)
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(tokenizer()), pad_token="[PAD]", unk_token="[UNK]"
    ).save_pretrained(tmp_path)
    judged = TransformerEngine(str(tmp_path)).judge(passages(*TEXTS))
    assert [one.label in LABELS for one in judged] == [True] * len(TEXTS)
