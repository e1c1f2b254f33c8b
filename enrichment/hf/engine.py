"""A transformer as an engine of sentiment: passages in, judgements out, in batches of texts of like length, remembered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from enrichment.hf.files import ModelError, find
from enrichment.hf.labels import LabelsError, polarities
from enrichment.hf.running import Logits, runner
from enrichment.scopes import NAME, about
from enrichment.sentiment import LONG, Judgement, Passage
from stream import SENTIMENTS

BATCH: Final = 16
MEMO: Final = 50_000  # texts: copies of one thing come in bursts
UNSURE: Final = 0.45  # confidence below which nothing is said; a guess among three has 0.33
STAND_INS: Final = ("Acme", "Zenit", "Kappa")  # for the brands in a text, in order: names that colour nothing


class TransformerEngine:
    """Judges by a Hugging Face model for text classification. Not thread-safe; loading takes seconds."""

    def __init__(self, name: str, *, labels: Sequence[str] = (), threads: int = 1) -> None:
        """`name`: a name on the Hub or a folder; `labels`: what its outputs mean, in order, where its configuration does not say
        it. Raises ModelError."""
        files = find(name)
        try:
            self._polarities = polarities(files.config, labels)
        except LabelsError as error:
            raise ModelError(f"{name}: {error}") from None
        self.name = name
        self.version = f"hf:{name}@{files.digest}" + ("-" + "".join(one[:3] for one in labels) if labels else "")
        self._run = runner(files, threads)
        self._check(self._run(["."]))
        self._memo: dict[str, Judgement] = {}

    def _check(self, logits: Logits) -> None:
        if logits.ndim != 2 or logits.shape[1] != len(self._polarities):
            raise ModelError(
                f"{self.name} is no text classifier with {len(self._polarities)} outputs: it answers {logits.shape[1:]}"
            )

    def judge(self, passages: Sequence[Passage]) -> list[Judgement]:
        """One judgement for each passage, in order."""
        texts = [readable(passage.tokens) for passage in passages]
        if len(self._memo) > MEMO:
            self._memo.clear()
        new = sorted({text for text in texts if text not in self._memo}, key=len)
        for start in range(0, len(new), BATCH):
            some = new[start : start + BATCH]
            for text, row in zip(some, self._run(some), strict=True):
                self._memo[text] = self._judgement(row)
        return [self._memo[text] for text in texts]

    def _judgement(self, row: Logits) -> Judgement:
        odds = np.exp(row - row.max())
        shares = (odds / odds.sum()).tolist()
        of = {
            label: sum(s for s, one in zip(shares, self._polarities, strict=True) if one == label)
            for label in SENTIMENTS
        }
        label = max(SENTIMENTS, key=of.__getitem__)
        sure, score = round(of[label], 3), round(of["positive"] - of["negative"], 4)
        by = f"model {self.name}"
        if sure < UNSURE or ("neutral" not in self._polarities and sure < (1 + UNSURE) / 2):
            return Judgement("neutral", score, sure, by, unsure=True, version=self.version)
        return Judgement(label, score, sure, by, version=self.version)


def readable(tokens: Sequence[str]) -> str:
    """The text as models of tweets were trained on it: "@user" and "http" for names and addresses, stand-ins for brands;
    of a long text the sentences that name one."""
    if len(tokens) > LONG:
        tokens = about(tokens)
    seen: dict[str, str] = {}

    def stand_in(number: str) -> str:
        return seen.setdefault(number, STAND_INS[min(len(seen), len(STAND_INS) - 1)])

    return " ".join(_token(NAME.sub(lambda found: stand_in(found[1]), token)) for token in tokens) or "."


def _token(token: str) -> str:
    if token[0] == "@" and len(token) > 1:
        return "@user"
    return "http" if token.startswith("http") else token
