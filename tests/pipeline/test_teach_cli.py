"""`ronzio topic`, `ronzio train` and `ronzio retag` as they are called: what they say where there is little or nothing."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from enrichment import Models
from ronzio.cli import root
from ronzio.context import load_settings, opened_index
from stream import TaggingEngine, utc_now


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "ronzio.toml"
    file.write_text(
        'data_dir = "data"\n[enrichment]\nengine = "lexicon"\nstory_window = 1024\n[[brands]]\nname = "Acme"\n'
    )
    return file


def called(config: Path, *words: str) -> Result:
    return CliRunner().invoke(root, [*words, "--config", str(config)])


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["topic", "on", "bags"], 'no topic "bags" has been taught; taught are: none'),
        (["topic", "off", "bags"], 'no topic "bags" is switched on'),
        (["topic", "forget", "bags"], 'no topic "bags" has been taught'),
        (["topic", "teach", "bags"], "say where the examples are"),
        (["topic", "teach", "bags", "--file", "nowhere.csv"], "nowhere.csv: cannot be read"),
        (["topic", "teach", "Bags!", "--ids", "abc"], "is no id"),
        (["topic", "teach", "bags", "--ids", "abc"], "there is no mention abc"),
        (["train"], 'only engine = "compact" learns'),
        (["train", "--undo"], "nothing was ever switched on"),
    ],
)
def test_what_cannot_be_done_is_said(config: Path, words: list[str], told: str) -> None:
    answer = called(config, *words)
    assert answer.exit_code != 0
    assert told in answer.output


def test_a_file_needs_a_column_of_texts_and_others_to_tell_them_from(config: Path) -> None:
    file = config.parent / "examples.csv"
    teach = ("topic", "teach", "bags", "--file", str(file))
    file.write_text("id,corpo\n1,valigia persa\n")
    assert "no column text (or testo); there are: id, corpo" in called(config, *teach).output
    file.write_text("id,testo\n" + "".join(f"{number},valigia persa {number}\n" for number in range(9)))
    assert "no other mentions to tell the examples from" in called(config, *teach).output


def test_retag_on_a_new_installation_has_nothing_to_do(config: Path) -> None:
    answer = called(config, "retag")
    assert answer.exit_code == 0
    assert "0 mentions tagged anew" in answer.output and "0 that were fetched before" in answer.output
    assert "No topic has been taught" in called(config, "topic", "list").output


def test_retag_tells_workers_that_are_about_to_switch_from_those_that_have_another_configuration(config: Path) -> None:
    with opened_index(load_settings(config, demo=False, data=None)) as index:
        said = TaggingEngine(engine="another", judged_by="lexicon", at=utc_now())
        index.records.put(TaggingEngine.KIND, TaggingEngine.ID, msgspec.json.encode(said))
    assert "The workers tag as another" in (told := called(config, "retag").output) and "restart them" in told
    with opened_index(load_settings(config, demo=False, data=None)) as index:
        Models(index.records).switch({"topic/bags": 0}, by="anna", at=said.at + timedelta(seconds=1), what="off")
    assert "they take up within seconds" in (told := called(config, "retag").output) and "restart" not in told
