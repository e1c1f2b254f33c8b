"""The process `ronzio second-opinion` beside worker and indexer: a mention is tagged at once, and corrected a moment later."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import tomlkit
from click.testing import CliRunner

from benchmarks.bert import tiny
from index import open_index
from infra.testbed.waiting import PATIENCE, until
from ronzio.cli import root
from ronzio.commands.run import programs
from ronzio.process import STDIN_TIED
from stream import RAW, Item, Mention, Record, mention_id, open_log, utc_now


@contextlib.contextmanager
def running(file: Path, *names: str) -> Iterator[None]:
    children = []
    try:
        for name in names:
            command = [sys.executable, "-m", "ronzio", name, "--config", str(file)]
            with (file.parent / f"{name}.err").open("wb") as errors:
                children.append(
                    subprocess.Popen(
                        command,
                        stdin=subprocess.PIPE,
                        stdout=errors,
                        stderr=errors,
                        env={**os.environ, STDIN_TIED: "1"},
                    )
                )
        yield
    finally:
        for child in children:
            child.terminate()
        for child in children:
            child.wait(PATIENCE)
            assert child.stdin is not None
            child.stdin.close()


def configured(folder: Path, engine: str) -> Path:
    file = folder / "ronzio.toml"
    second = {"engine": engine, "below": 1.0, "budget": 100}
    config = {
        "data_dir": str(folder / "data"), "brands": [{"name": "Aurora"}],
        "enrichment": {"engine": "lexicon", "second_opinion": second},
    }  # fmt: skip
    file.write_text(tomlkit.dumps(config), "utf-8")
    return file


def test_a_mention_is_corrected_behind_the_stream(tmp_path: Path) -> None:
    file = configured(tmp_path, f"hf:{tiny(tmp_path / 'model')}")
    log, index = open_log(tmp_path / "data" / "log"), open_index(tmp_path / "data" / "index")
    now = utc_now()
    item = Item(
        id=mention_id("x"), source="feed:a", channel="feed", fetched_at=now, published_at=now,
        text="Aurora: the train was late today",
    )  # fmt: skip
    log.append(RAW, [Record(item.id.encode(), msgspec.json.encode(item))], account="feed:a")

    def judged_by(engine: str) -> Mention | None:
        found = [msgspec.convert(body, Mention) for body in index.get([item.id])]
        return next((one for one in found if one.judged_by.startswith(engine)), None)

    with running(file, "worker", "indexer"):
        first = until(lambda: judged_by("lexicon-"), "the first tag")
        with running(file, "second-opinion"):
            second = until(lambda: judged_by("hf:"), "the second opinion")
    assert (second.digest, second.story, second.brand) == (first.digest, first.story, first.brand)
    assert second.why != first.why and second.score != first.score
    told = CliRunner().invoke(root, ["status", "--json", "--config", str(file)])
    assert json.loads(told.stdout)["second_opinion"]["asked"] == 1
    log.close()
    index.close()


def test_a_model_that_is_not_there_is_said_in_a_line(tmp_path: Path) -> None:
    file = configured(tmp_path, "hf:./no-such-model")
    answer = CliRunner().invoke(root, ["second-opinion", "--config", str(file)])
    assert answer.exit_code == 1
    assert (
        'Error: [enrichment.second_opinion] engine = "hf:./no-such-model": no-such-model is no folder' in answer.output
    )


def test_check_loads_the_models(tmp_path: Path) -> None:
    good = CliRunner().invoke(
        root, ["check", "--offline", "--config", str(configured(tmp_path, f"hf:{tiny(tmp_path / 'model')}"))]
    )
    assert good.exit_code == 0 and f"sentiment: hf:{tmp_path / 'model'}@" in good.output
    bad = CliRunner().invoke(root, ["check", "--offline", "--config", str(configured(tmp_path, "hf:./no-such-model"))])
    assert bad.exit_code == 1 and "no-such-model is no folder" in bad.output


@pytest.mark.parametrize("asked", [False, True])
def test_it_runs_where_an_engine_is_named(tmp_path: Path, asked: bool) -> None:
    names = [program.name for program in programs(None, False, tmp_path, second_opinion=asked)]
    assert ("second-opinion" in names) == asked
