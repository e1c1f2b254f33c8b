"""Topics taught by example: what is learnt, and how it is measured."""

from __future__ import annotations

import random

import numpy as np
import pytest

from enrichment import TooFewExamples
from enrichment.logistic import fit
from enrichment.teaching import learn
from enrichment.topic_features import SIZE, Features
from index import wilson

BAGS = ["valigia", "bagaglio", "smarrita", "nastro", "aeroporto", "suitcase", "luggage", "lost"]
TALK = [
    "prezzo",
    "colore",
    "bella",
    "negozio",
    "consegna",
    "sempre",
    "oggi",
    "price",
    "shop",
    "nice",
    "really",
    "today",
]


def corpus(examples: int, others: int, seed: int = 1) -> tuple[list[list[str]], np.ndarray]:
    """Texts of six words: those of the topic have two of its words, the others none."""
    chance = random.Random(seed)
    texts = [chance.sample(BAGS, 2) + chance.sample(TALK, 4) for _ in range(examples)]
    texts += [chance.sample(TALK, 6) for _ in range(others)]
    return texts, np.arange(examples + others) < examples


def test_a_topic_is_learnt_from_ten_examples() -> None:
    texts, labels = corpus(10, 100)
    features = Features()
    learnt = learn(features.rows(texts), labels, [str(number) for number in range(110)])
    unseen, truth = corpus(50, 200, seed=2)
    told = learnt.weights.logits(features.rows(unseen)) >= learnt.threshold
    assert (told[truth].mean(), told[~truth].mean()) == (pytest.approx(1, abs=0.1), pytest.approx(0, abs=0.05))
    assert learnt.quality.f1.low <= learnt.quality.f1.value <= learnt.quality.f1.high
    assert learnt.quality.recall.of == learnt.quality.examples == 10
    assert len(learnt.missed) == 10 - learnt.quality.recall.right


def test_what_cannot_be_learnt_is_measured_as_bad() -> None:
    chance = random.Random(3)
    texts = [chance.sample(TALK, 6) for _ in range(120)]
    learnt = learn(Features().rows(texts), np.arange(120) < 20, [str(number) for number in range(120)])
    assert learnt.quality.f1.value < 0.5
    assert learnt.quality.precision.high < 0.6


def test_ten_without_a_mistake_are_no_certainty() -> None:
    texts = [["valigia", "persa", word] for word in TALK[:10]] + [
        ["prezzo", one, other] for one in TALK for other in TALK
    ]
    learnt = learn(Features().rows(texts), np.arange(len(texts)) < 10, [str(number) for number in range(len(texts))])
    assert learnt.quality.f1.value == 1.0
    assert learnt.quality.f1.low == pytest.approx(wilson(10, 10)[0])


def test_copies_count_once() -> None:
    texts, _ = corpus(6, 80)
    copied = [text for text in texts[:6] for _ in range(5)] + texts[6:]
    groups = [f"story {number // 5}" for number in range(30)] + [str(number) for number in range(80)]
    labels = np.arange(110) < 30
    learnt = learn(Features().rows(copied), labels, groups)
    assert learnt.quality.examples == 6
    assert learnt == learn(Features().rows(copied), labels, groups)._replace(weights=learnt.weights)
    with pytest.raises(TooFewExamples, match="4 different examples"):
        learn(Features().rows(copied), np.arange(110) < 20, groups)
    with pytest.raises(TooFewExamples, match=r"^1 different example;"):
        learn(Features().rows(copied), np.arange(110) < 5, groups)


def test_an_odd_example_and_an_unmarked_one_are_pointed_at() -> None:
    texts, labels = corpus(15, 100)
    texts[3] = ["prezzo", "oggi", "negozio", "bella"]
    texts[60] = ["valigia", "smarrita", "bagaglio", "nastro"]
    learnt = learn(Features().rows(texts), labels, [str(number) for number in range(115)])
    assert 3 in learnt.missed
    assert learnt.doubtful[0] == 60


def test_nothing_to_tell_them_from_is_said() -> None:
    texts, _ = corpus(10, 0)
    with pytest.raises(TooFewExamples, match="no other mentions"):
        learn(Features().rows(texts), np.ones(10, np.bool_), [str(number) for number in range(10)])


def test_names_addresses_and_handles_are_not_looked_at() -> None:
    rows = Features().rows(
        [["\x020", "@aurora", "https://example.org/x", "www.example.org"], ["L'ÀNCORA!"], ["l'ancora"], []]
    )
    sizes = np.diff(rows.starts)
    assert sizes[0] == sizes[3] == 0
    assert (
        rows.columns[rows.starts[1] : rows.starts[2]].tolist() == rows.columns[rows.starts[2] : rows.starts[3]].tolist()
    )


def test_picked_rows_are_those_rows() -> None:
    texts, _ = corpus(5, 5)
    rows = Features().rows([*texts, []])
    which = np.array([10, 7, 0, 7])
    weights = np.random.default_rng(0).normal(size=SIZE)
    assert rows.pick(which).dot(weights) == pytest.approx(rows.dot(weights)[which])


def test_the_fit_is_the_minimum_of_its_loss() -> None:
    """Its gradient is nearly nothing: what a mention pulls, summed over a feature, is what the penalty pulls back."""
    texts, labels = corpus(10, 40)
    rows = Features().rows(texts)
    weights = fit(rows, labels)
    pulls = np.where(labels, 2.5, 0.625) * (labels - 1 / (1 + np.exp(-weights.logits(rows))))
    assert abs(pulls.sum()) < 0.05
    assert weights.logits(rows)[labels].min() > weights.logits(rows)[~labels].max()


def test_wilson_as_published() -> None:
    """Values of Newcombe, Statistics in Medicine 17 (1998), table I: 81 of 263, 15 of 148, 0 of 20."""
    for right, of, low, high in ((81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611)):
        assert wilson(right, of) == (pytest.approx(low, abs=2e-4), pytest.approx(high, abs=2e-4))
    assert wilson(0, 0) == (0.0, 1.0)
