"""History tagged anew because somebody asked for it: done by a thread beside a worker, once, also when it is broken off."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from index_backends import START, Stores, edit, elastic_settings, ids, mention, settled

from enrichment import Enricher, ask_for_retag, fulfil, retag_wish
from index import Index
from infra.testbed.waiting import until
from ronzio import retagging
from ronzio.context import opened_log
from ronzio.process import Stop
from ronzio.settings import RonzioSettings
from stream import open_log

MANY = 700  # some pages


@pytest.fixture
def index(stores: Stores) -> Index:
    """With mentions that another version tagged, one of them corrected, one that names no brand."""
    index = stores()
    made = [mention(number, text=f"Acme numero {number}", title="") for number in range(MANY)]
    index.write([*made, mention(MANY, text="nessuno", title="")])
    index.edit([edit(1, {"sentiment": "positive"})])
    return settled(index)


@pytest.fixture
def settings(stores: Stores, tmp_path: Path) -> RonzioSettings:
    tables: dict[str, Any] = {
        "data_dir": tmp_path, "brands": [{"name": "Acme"}], "enrichment": {"engine": "lexicon", "story_window": 1024},
    }  # fmt: skip
    if stores.name == "elastic":
        tables["elasticsearch"] = elastic_settings(stores.where).model_dump()
    open_log(tmp_path / "log").close()
    return RonzioSettings.model_validate(tables)


def finished(index: Index) -> bool:
    wish = retag_wish(index.records)
    return wish is not None and wish.finished_at is not None


def engines(index: Index) -> set[str]:
    return {body["engine"] for body in index.get(ids(range(MANY)))}


def test_what_was_asked_for_on_a_page_is_done_beside_a_worker(index: Index, settings: RonzioSettings) -> None:
    stop = Stop()
    thread = retagging.start(settings, stop)
    try:
        assert engines(index) == {"1"}
        ask_for_retag(index.records, by="anna", at=START)
        until(lambda: finished(index), "the wish to be done")
    finally:
        stop.set()
        thread.join()
    wish = retag_wish(index.records)
    assert wish is not None
    assert (wish.by, wish.retagged, wish.by_hand, wish.unnamed) == ("anna", MANY, 1, 1)
    assert engines(index) == {wish.engine} == {Enricher(settings.brands, settings.enrichment).engine}
    assert index.get(ids([1]))[0]["sentiment"] == "positive"


def test_a_wish_that_is_broken_off_stays_and_the_next_goes_on(index: Index, settings: RonzioSettings) -> None:
    asked: list[bool] = []

    def enricher() -> Enricher:
        return Enricher(settings.brands, settings.enrichment)

    def stop_after_a_page() -> bool:
        asked.append(True)
        return len(asked) > 1

    ask_for_retag(index.records, by="anna", at=START)
    ask_for_retag(index.records, by="ugo", at=START)
    with opened_log(settings) as log:
        fulfil(log, index, enricher, stop_after_a_page)
        wish = retag_wish(index.records)
        assert wish is not None and wish.finished_at is None and 0 < wish.retagged < MANY and wish.by == "anna"
        settled(index)
        fulfil(log, index, enricher, lambda: False)
        done = retag_wish(index.records)
        assert done is not None and done.finished_at is not None and done.retagged == MANY
        assert len(engines(index)) == 1 and "1" not in engines(index)
        fulfil(log, index, lambda: pytest.fail("nothing is open"), lambda: False)
    ask_for_retag(index.records, by="ugo", at=START)
    again = retag_wish(index.records)
    assert again is not None and (again.by, again.retagged, again.finished_at) == ("ugo", 0, None)
