"""Rows of files: reading them in any shape, finding the columns, making items."""

from __future__ import annotations

import gzip
import io
import json
import random
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from crawlers.files.charset import detect
from crawlers.files.columns import MappingError, Rows, Unusable, choose, with_habits
from crawlers.files.importer import Reading, Unused
from crawlers.files.lines import Row, TableError
from crawlers.files.tables import open_table
from stream import Item, mention_id

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
TWO = [{"text": "Perché?", "author": "Ada"}, {"text": "“Così”", "author": "Bruno"}]
CSV = 'text,author\nPerché?,Ada\n"“Così”",Bruno\n'


def rows_of(path: Path) -> list[Row]:
    with open_table(path) as table:
        return list(table.rows)


def written(tmp_path: Path, content: str | bytes, name: str = "file.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def results_of(path: Path, mapping: Mapping[str, str] | None = None, now: datetime = NOW) -> list[Item | Unused]:
    with open_table(path) as table:
        return list(Reading(table, mapping or {}, source="import:x", time_zone="Europe/Rome", now=now).results)


def items_of(path: Path, **mapping: str) -> list[Item]:
    results = results_of(path, mapping)
    assert all(isinstance(one, Item) for one in results)
    return [one for one in results if isinstance(one, Item)]


JSONL = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in TWO)
SHAPES = {
    "utf8.csv": CSV.encode(),
    "mark.csv": CSV.encode("utf-8-sig"),
    "utf16.csv": CSV.encode("utf-16"),
    "utf16_without_mark.csv": CSV.encode("utf-16-le"),
    "windows.csv": CSV.encode("cp1252"),
    "macintosh.csv": CSV.encode("mac_roman"),
    "semicolons.csv": CSV.replace(",", ";").encode(),
    "tabs.tsv": CSV.replace(",", "\t").encode(),
    "pipes.txt": CSV.replace(",", "|").encode(),
    "returns.csv": CSV.replace("\n", "\r\n").encode(),
    "old_macintosh.csv": CSV.replace("\n", "\r").encode(),
    "empty_lines.csv": ("\n\n" + CSV.replace("\n", "\n\n")).encode(),
    "empty_columns.csv": CSV.replace("Ada", "Ada,,").encode(),
    "no_last_newline.csv": CSV.rstrip().encode(),
    "packed.csv.gz": gzip.compress(CSV.encode()),
    "packed_without_saying.csv": gzip.compress(CSV.encode()),
    "lines.jsonl": JSONL.encode(),
    "lines.ndjson.gz": gzip.compress(JSONL.encode()),
    "lines_with_mark.jsonl": JSONL.encode("utf-8-sig"),
    "lines.json": JSONL.encode(),
}


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_gives_the_same_rows(tmp_path: Path, name: str) -> None:
    assert [row.values for row in rows_of(written(tmp_path, SHAPES[name], name))] == TWO


def test_parquet(tmp_path: Path) -> None:
    path = tmp_path / "file.parquet"
    table = pyarrow.table(
        {
            "body": ["a", None, "c"],
            "user": [{"name": "Ada"}, {"name": "Bruno"}, None],
            "date": [datetime(2026, 3, 3, 8, tzinfo=UTC)] * 3,
            "followers": [5, None, 7],
        }
    )
    parquet.write_table(table, path, row_group_size=2)
    first, refused, last = results_of(path, {"author": "user.name"})
    assert isinstance(first, Item)
    assert (first.text, first.author, first.reach) == ("a", "Ada", 5)
    assert (first.published_at, first.date_origin) == (datetime(2026, 3, 3, 8, tzinfo=UTC), "stated")
    assert isinstance(refused, Unused)
    assert (refused.where, refused.reason) == ("row 2", "no text")
    assert isinstance(last, Item)
    assert last.author == ""


@pytest.mark.parametrize(
    ("text", "encoding", "name", "note"),
    [
        ("già", "utf-8", "utf-8", ""),
        ("ascii", "ascii", "utf-8", ""),
        ("l’età è “così” però più €", "cp1252", "cp1252", "Windows-1252"),
        ("l’età è “così” però più", "mac_roman", "mac_roman", "Mac Roman"),
        ("Ärger über Straßen", "latin-1", "cp1252", "Windows-1252"),
    ],
)
def test_alphabets_are_told_apart_and_named(text: str, encoding: str, name: str, note: str) -> None:
    found = detect(io.BytesIO(text.encode(encoding)))
    assert found.name == name
    assert bool(found.note) == bool(note)
    assert note in found.note


def test_a_few_broken_bytes_do_not_make_a_file_latin(tmp_path: Path) -> None:
    path = written(tmp_path, "text\nè già così\n".encode() + b"rot\xe8to\n")
    with open_table(path) as table:
        assert [row.values["text"] for row in table.rows] == ["è già così", "rot\ufffdto"]
        assert table.notes == ("1 bytes in the file are not UTF-8; they became the sign \ufffd",)


def test_a_letter_split_between_two_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crawlers.files.charset.PIECE", 3)
    assert detect(io.BytesIO(("è" * 50).encode())).name == "utf-8"


def test_quotes_newlines_and_marks_in_fields(tmp_path: Path) -> None:
    path = written(tmp_path, 'text,author\n"uno, ""due""\ntre",Ada\nquattro,Eva\n')
    rows = rows_of(path)
    assert [row.values["text"] for row in rows] == ['uno, "due"\ntre', "quattro"]
    assert [row.number for row in rows] == [2, 4]


@pytest.mark.parametrize("behind", [0, 3, 40_000])
def test_a_quote_never_closed_costs_its_own_line_only(tmp_path: Path, behind: int) -> None:
    good = "".join(f"riga {i},Ada\n" for i in range(behind))
    rows = rows_of(written(tmp_path, f'text,author\nprima,Ada\n"rotta,Ada\n{good}'))
    usable = [row for row in rows if not row.problem]
    assert [row.values["text"] for row in usable] == ["prima", *(f"riga {i}" for i in range(behind))]
    if behind:
        (broken,) = (row for row in rows if row.problem)
        assert (broken.number, broken.raw) == (3, '"rotta,Ada\n')


def test_a_quote_closed_by_a_later_one_swallows_nothing(tmp_path: Path) -> None:
    lines = ["text,author", '"rotta,Ada', "due,Eva", '"tre, e mezzo",Ivo', "quattro,Ugo"]
    rows = rows_of(written(tmp_path, "\n".join(lines)))
    assert [row.values.get("text") for row in rows] == [None, "due", "tre, e mezzo", "quattro"]


@pytest.mark.parametrize("line", ["a,b,c", "a", 'a,"b', "{}"])
def test_a_row_of_another_width_is_none(tmp_path: Path, line: str) -> None:
    rows = rows_of(written(tmp_path, f"text,author\n{line}\nx,y\nz,w\n"))
    assert [row.values.get("text") for row in rows] == [None, "x", "z"]
    assert rows[0].raw == line + "\n"


def test_json_lines_that_are_none(tmp_path: Path) -> None:
    lines = ["{broken", "[1]", "null", "[" * 100_000, '{"text": "ok \\ud83d", "n": NaN}', "3"]
    rows = rows_of(written(tmp_path, "\n".join(['{"text": "a"}', *lines]), "x.jsonl"))
    assert [bool(row.problem) for row in rows] == [False, True, True, True, True, False, True]
    results = results_of(tmp_path / "x.jsonl")
    assert [one.text for one in results if isinstance(one, Item)] == ["a", "ok ?"]


def test_a_json_line_too_long(tmp_path: Path) -> None:
    long = json.dumps({"text": "x" * 2_500_000})
    rows = rows_of(written(tmp_path, f'{{"text": "a"}}\n{long}\n{{"text": "b"}}\n', "x.jsonl"))
    assert [row.values.get("text") for row in rows] == ["a", None, "b"]
    assert "longer than" in rows[1].problem


@pytest.mark.parametrize(
    ("content", "name", "words"),
    [
        (b"", "x.csv", "no first line"),
        (b"\n\n", "x.csv", "no first line"),
        (b"PK\x03\x04rest", "x.xlsx", "save it as CSV"),
        (b"PAR1rest", "x.parquet", "no Parquet file"),
        (b"\x1f\x8brest of no gzip", "x.csv.gz", "unpacked"),
        (gzip.compress(random.Random(1).randbytes(5000))[:-500], "x.csv.gz", "unpacked"),
        (b'[{"text": "a"}]', "x.json", "one JSON object a line"),
    ],
)
def test_what_is_no_table_says_why(tmp_path: Path, content: bytes, name: str, words: str) -> None:
    with pytest.raises(TableError, match=words):
        rows_of(written(tmp_path, content, name))


@pytest.mark.parametrize(
    ("columns", "chosen"),
    [
        (("Testo", "Data", "Autore", "Link"), {"text": "Testo", "published_at": "Data", "author": "Autore", "url": "Link"}),
        (("tweet_id", "name", "text", "tweet_created"),
         {"text": "text", "published_at": "tweet_created", "author": "name", "id": "tweet_id"}),
        (("tweet_text", "original_tweet_text"), {"text": "tweet_text"}),
        (("Review Title", "Review", "Review date"), {"text": "Review", "title": "Review Title", "published_at": "Review date"}),
        (("user.screen_name", "full_text", "created_at", "lang"),
         {"text": "full_text", "published_at": "created_at", "author": "user.screen_name", "language": "lang"}),
        (("title", "description"), {"text": "description", "title": "title"}),
    ],
)  # fmt: skip
def test_usual_names_are_found(columns: tuple[str, ...], chosen: dict[str, str]) -> None:
    assert choose(columns, {}) == chosen


def test_the_users_mapping_wins() -> None:
    columns = ("text", "note", "date", "name")
    chosen = choose(columns, {"text": "note", "author": "-", "extra.stars": "name"})
    assert chosen == {"text": "note", "extra.stars": "name", "published_at": "date"}


@pytest.mark.parametrize(
    ("mapping", "words"),
    [
        ({"text": "tweet_txt"}, 'no column "tweet_txt" .did you mean "tweet_text"'),
        ({"text": "zzzz"}, 'no column "zzzz"; the columns are id, tweet_text'),
        ({"txet": "tweet_text"}, 'no field "txet" .did you mean "text"'),
        ({"text": "-"}, "no column looks like the text"),
    ],
)
def test_a_wrong_mapping_names_what_is_there(mapping: dict[str, str], words: str) -> None:
    with pytest.raises(MappingError, match=words):
        choose(("id", "tweet_text"), mapping)


ROWS = Rows(
    columns={
        "text": "t", "title": "h", "published_at": "d", "author": "a", "url": "u", "id": "i", "reach": "r",
        "language": "l", "extra.stars": "s",
    },
    source="import:x",
    fetched_at=NOW,
)  # fmt: skip


def test_an_item() -> None:
    row = {
        "t": "I &lt;3 <b>Aurora</b> &amp; C.",
        "h": "Titolo",
        "d": "mar 3 marzo 2026",
        "a": "Ada",
        "r": "1.234",
        "l": "it-IT",
    }
    item = ROWS.item({**row, "u": "https://www.example.it/a?utm_source=x", "s": 5.0})
    assert (item.text, item.title, item.author, item.reach) == ("I <3 Aurora & C.", "Titolo", "Ada", 1234)
    assert (item.language, item.site, item.extra) == ("it", "example.it", {"stars": "5"})
    assert (item.channel, item.source, item.backfill) == ("import", "import:x", True)
    assert (item.published_at, item.date_origin) == (datetime(2026, 3, 2, 23, tzinfo=UTC), "zone-assumed")


@pytest.mark.parametrize(
    ("value", "expected", "origin"),
    [
        (date(2026, 3, 3), datetime(2026, 3, 2, 23, tzinfo=UTC), "zone-assumed"),
        (datetime(2026, 3, 3, 9, tzinfo=UTC).replace(tzinfo=None), datetime(2026, 3, 3, 8, tzinfo=UTC), "zone-assumed"),
        (1772524800, datetime(2026, 3, 3, 8, tzinfo=UTC), "stated"),
        (1772524800.0, datetime(2026, 3, 3, 8, tzinfo=UTC), "stated"),
        ("2015-02-22T22:39:17-08:00", datetime(2015, 2, 23, 6, 39, 17, tzinfo=UTC), "stated"),
        (None, NOW, "fetched"),
        ("  ", NOW, "fetched"),
    ],
)
def test_dates(value: object, expected: datetime, origin: str) -> None:
    item = ROWS.item({"t": "x", "d": value})
    assert (item.published_at, item.date_origin) == (expected, origin)


@pytest.mark.parametrize("value", ["domani", "32/13/2026", "2031-01-01", "1970-01-01", "9" * 200])
def test_a_row_whose_date_cannot_be_is_unusable(value: str) -> None:
    with pytest.raises(Unusable, match=f'the date "{value[:80]}" cannot be read'):
        ROWS.item({"t": "x", "d": value})


@pytest.mark.parametrize("row", [{}, {"t": "  "}, {"t": None, "a": "Ada"}, {"t": "<br>"}, {"t": False}])
def test_a_row_without_text_is_unusable(row: dict[str, object]) -> None:
    with pytest.raises(Unusable, match="neither text nor title"):
        ROWS.item(row)


def test_rows_with_one_id_do_not_swallow_each_other() -> None:
    first, other = ROWS.item({"i": "5697e14", "t": "uno"}), ROWS.item({"i": "5697e14", "t": "due"})
    assert first.id != other.id
    assert ROWS.item({"i": "5697e14", "t": "uno"}).id == first.id


def test_ids_do_not_depend_on_when_or_as_what_a_file_is_imported(tmp_path: Path) -> None:
    path = written(tmp_path, "text,date\nuno,2026-03-03\ndue,\n")
    later = results_of(path, now=datetime(2026, 12, 24, tzinfo=UTC))
    assert [one.id for one in items_of(path)] == [one.id for one in later if isinstance(one, Item)]


def test_an_address_of_its_own_is_the_identity(tmp_path: Path) -> None:
    path = written(tmp_path, "text,url\nuno,https://www.example.it/1?fbclid=x\ndue,https://example.it/2\n")
    assert [item.id for item in items_of(path)] == [mention_id("//example.it/1"), mention_id("//example.it/2")]


def test_reviews_of_one_page_stay_apart(tmp_path: Path) -> None:
    page = "https://shop.example/p"
    path = written(tmp_path, f"text,url\nottimo,{page}\npessimo,{page}\nottimo,{page}\nbuono,https://shop.example/q\n")
    with open_table(path) as table:
        reading = Reading(table, {}, source="s", time_zone="UTC", now=NOW)
        ids = [one.id for one in reading.results if isinstance(one, Item)]
    assert len(ids) == 4
    assert ids[0] == ids[2]
    assert len(set(ids)) == 3
    assert "several rows share an address" in reading.notes[0]


def test_an_address_shared_late_in_the_file_swallows_nothing(tmp_path: Path) -> None:
    lines = [f"t{i},https://example.it/{i}" for i in range(1500)]
    lines += ["altro,https://example.it/7", "t7,https://example.it/7"]
    ids = [item.id for item in items_of(written(tmp_path, "\n".join(["text,url", *lines])))]
    assert ids[7] == mention_id("//example.it/7") == ids[-1]
    assert len(set(ids)) == 1501


@pytest.mark.parametrize(
    ("dates", "day_first"),
    [(["02/24/2015", "02/03/2015"], False), (["24/02/2015"], True), (["02/03/2015"], True), (["2015-02-24"], True)],
)
def test_month_first_is_seen(dates: list[str], day_first: bool) -> None:
    assert with_habits(ROWS, [{"d": one} for one in dates]).day_first is day_first
