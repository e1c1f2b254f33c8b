"""The commands that look and bring in (try, check, import, init), as a user calls them; servers on loopback."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from aiohttp import web
from click.testing import CliRunner, Result
from pyarrow import parquet

from infra.testbed.waiting import PATIENCE
from ronzio.cli import root

FEED = """<?xml version="1.0"?><rss version="2.0"><channel><title>T</title>
<item><title>Ondalba ritira il Lampo: è uno scandalo</title><link>/1</link><pubDate>mar 3 marzo 2026</pubDate></item>
<item><title>Il tempo di domani</title><link>/2</link></item><item/></channel></rss>"""
PAGE = f"""<!doctype html><html lang="it"><head><title>Lampo</title>
<link rel="alternate" type="application/rss+xml" href="/feed.xml"></head><body><article><h1>Ondalba richiama il Lampo</h1>
{"<p>La crema Lampo di Ondalba ha provocato irritazioni a molti clienti, che ora chiedono un rimborso.</p>" * 4}
</article></body></html>"""
OPML = """<opml version="1.0"><body><outline type="rss" text="A" xmlUrl="{base}/feed.xml"/>
<outline type="rss" text="B" xmlUrl="{base}/none.xml"/></body></opml>"""
PAGES = {
    "/feed.xml": (FEED, "application/rss+xml"),
    "/articolo/1": (PAGE, "text/html"),
    "/": (
        '<html><head><link rel="alternate" type="application/rss+xml" href="/feed.xml"></head><body>x</body>',
        "text/html",
    ),
    "/robots.txt": ("User-agent: *\nAllow: /", "text/plain"),
    "/text": ("nur Text", "text/plain"),
}


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    """A server in a thread of its own, for the commands run loops of theirs."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        address = f"http://127.0.0.1:{port}"
        stops: list[Callable[[], object]] = []
        ready = threading.Event()

        async def answer(request: web.Request) -> web.Response:
            if request.path == "/list.opml":
                return web.Response(text=OPML.format(base=address), content_type="text/xml")
            if request.path not in PAGES:
                raise web.HTTPNotFound
            text, kind = PAGES[request.path]
            return web.Response(text=text, content_type=kind)

        async def serve() -> None:
            app = web.Application()
            app.router.add_get("/{path:.*}", answer)
            runner = web.AppRunner(app)
            await runner.setup()
            await web.SockSite(runner, listening).start()
            stop, loop = asyncio.Event(), asyncio.get_running_loop()
            stops.append(lambda: loop.call_soon_threadsafe(stop.set))
            ready.set()
            await stop.wait()
            await runner.cleanup()

        thread = threading.Thread(target=lambda: asyncio.run(serve()))
        thread.start()
        assert ready.wait(PATIENCE)
        yield address
        stops[0]()
        thread.join(PATIENCE)


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def call(*arguments: str, given: str | bytes | None = None) -> Result:
    result = CliRunner().invoke(root, arguments, input=given)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def tried(*arguments: str, given: str | bytes | None = None, code: int = 0) -> list[dict[str, Any]]:
    result = call("try", *arguments, "--demo", given=given)
    assert result.exit_code == code, result.output
    assert "nothing was stored" in result.stderr
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert not list(Path().glob("ronzio-data*"))
    return lines


def kinds(lines: list[dict[str, Any]]) -> list[str]:
    return [next(iter(line)) for line in lines]


def test_a_feed(base: str) -> None:
    lines = tried(f"{base}/feed.xml", "--local")
    assert kinds(lines) == ["mention", "refused", "error"]
    mention = lines[0]["mention"]
    assert mention["brand"] == ["ondalba"]
    assert mention["published_at"] == "2026-03-02T23:00:00Z"
    assert {reason["tag"] for reason in mention["why"]} >= {"brand:ondalba", "language:it"}
    assert lines[1]["refused"]["reason"]
    assert "neither" in lines[2]["error"]["what"]


def test_a_page(base: str) -> None:
    lines = tried(f"{base}/articolo/1", "--local")
    assert kinds(lines) == ["mention", "feeds"]
    assert "irritazioni" in lines[0]["mention"]["text"]
    assert lines[1]["feeds"] == [f"{base}/feed.xml"]


def test_a_home_page_shows_its_feeds(base: str) -> None:
    lines = tried(f"{base}/", "--local")
    assert kinds(lines) == ["feeds", "error"]


def test_a_list(base: str) -> None:
    lines = tried(f"{base}/list.opml", "--local")
    assert kinds(lines) == ["mention", "refused", "feeds", "error", "error"]
    assert lines[2]["feeds"] == [f"{base}/feed.xml", f"{base}/none.xml"]
    assert any(line["error"]["type"] == "Unreachable" and "404" in line["error"]["what"] for line in lines[3:])


def test_local_addresses_need_leave(base: str) -> None:
    (line,) = tried(f"{base}/feed.xml", code=1)
    assert line["error"]["type"] == "Forbidden"


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("{base}/none", "404"),
        ("{base}/text", "neither RSS, Atom nor JSON Feed"),
        ("http://127.0.0.1:1/", "cannot be reached"),
        ("http://[", "address"),
        ("nothing.xml", "No such file"),
        ("www.example.it/feed", "begins with https://"),
        ("nothing.csv", "No such file"),
        (".", "directory"),
    ],
)
def test_what_cannot_be_read_ends_with_1(base: str, what: str, words: str) -> None:
    (line,) = tried(what.format(base=base), "--local", code=1)
    assert words in line["error"]["what"]


ROWS = [{"text": "Ondalba, che delusione il Lampo", "author": "Ada"}, {"text": "Niente", "author": "Eva"}]


def write(name: str) -> None:
    path = Path(name)
    if path.suffix == ".parquet":
        parquet.write_table(pyarrow.Table.from_pylist(ROWS), path)
    elif path.suffix == ".csv":
        path.write_text('text,author\n"Ondalba, che delusione il Lampo",Ada\nNiente,Eva\n')
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))


@pytest.mark.parametrize("name", ["x.csv", "x.jsonl", "x.ndjson", "x.parquet"])
def test_tables(name: str) -> None:
    write(name)
    lines = tried(name)
    assert kinds(lines) == ["mention", "refused"]
    assert (lines[0]["mention"]["author"], lines[0]["mention"]["sentiment"]) == ("Ada", "negative")


def test_files_of_other_kinds(base: str) -> None:
    Path("feed.xml").write_text(FEED)
    Path("seite.html").write_text(PAGE)
    Path("testo.txt").write_text("Il Lampo di Ondalba non funziona")
    Path("liste.opml").write_text(OPML.format(base=base))
    assert kinds(tried("feed.xml")) == ["mention", "refused", "error"]
    assert kinds(tried("seite.html"))[0] == "mention"
    assert kinds(tried("testo.txt")) == ["mention"]
    assert kinds(tried("liste.opml", "--local"))[0] == "mention"
    write("x.csv")
    Path("x.csv").write_text("a,b\n1,2\n")
    (line,) = tried("x.csv", code=1)
    assert "no column looks like the text" in line["error"]["what"]


def test_text_on_standard_input() -> None:
    (line,) = tried("-", given="Il Lampo di Ondalba è fantastico")
    assert line["mention"]["channel"] == "text"
    assert kinds(tried("-", given=b"Ondalba \xff\xfe rotto")) == ["mention"]
    assert kinds(tried("-", given="  ", code=1)) == ["error"]


def configure(base: str, *sources: dict[str, str]) -> None:
    tables = ['[[brands]]\nname = "Ondalba"\n', '[mail]\nto = ["a@ondalba.example"]\n']
    for source in sources:
        tables.append("[[sources]]\nlocal = true\n" + "".join(f'{key} = "{value}"\n' for key, value in source.items()))
    Path("ronzio.toml").write_text("\n".join(tables))


def test_check_asks_every_source(base: str) -> None:
    configure(base, {"kind": "feed", "url": f"{base}/feed.xml"}, {"kind": "site", "url": f"{base}/"},
              {"kind": "opml", "url": f"{base}/list.opml"})  # fmt: skip
    result = call("check")
    assert result.exit_code == 0, result.output
    assert "3 sources" in result.stdout
    assert f"{base}/feed.xml: 2 items; 1 broken" in result.stdout
    assert f"{base}/: answers" in result.stdout


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ({"kind": "feed", "url": "{base}/articolo/1"}, "a page, not a feed; it offers {base}/feed.xml"),
        ({"kind": "feed", "url": "{base}/none"}, "404"),
        ({"kind": "site", "url": "http://127.0.0.1:1/"}, "cannot be reached"),
        ({"kind": "opml", "url": "{base}/feed.xml"}, "a feed, not a list of feeds"),
        ({"kind": "opml", "url": "nothing.opml"}, "No such file"),
    ],
)
def test_check_says_what_does_not_answer(base: str, source: dict[str, str], words: str) -> None:
    configure(base, {key: value.format(base=base) for key, value in source.items()})
    result = call("check")
    assert result.exit_code == 1
    assert words.format(base=base) in result.stderr
    assert call("check", "--offline").exit_code == 0


def test_check_names_mistakes_in_the_file() -> None:
    Path("ronzio.toml").write_text('[[brands]]\nname = "A"\nkeyword = ["a"]\n')
    result = call("check")
    assert result.exit_code == 1
    assert "ronzio.toml" in result.stderr
    assert "keyword" in result.stderr


def test_import_and_its_dead_letters() -> None:
    Path("storia.csv").write_text("commento;quando\nOndalba ottima;2026-03-03\n;2026-03-03\n")
    result = call("import", "storia.csv", "--demo", "--data", "data", "--map", "text=commento,published_at=quando")
    assert result.exit_code == 0, result.output
    assert "2 rows read, 1 handed over, 1 refused" in result.stdout
    assert "columns: text=commento, published_at=quando" in result.stdout
    assert "no column with dates" not in result.stderr
    undated = call(
        "import", "storia.csv", "--demo", "--data", "data", "--map", "text=commento", "--map", "published_at=-"
    )
    assert "no column with dates: all of it counts as published now" in undated.stderr
    dead = call("dead", "list", "--demo", "--data", "data")
    assert "no text: storia.csv, line 3" in dead.stdout


def test_import_refuses_a_date_that_cannot_be_read() -> None:
    Path("storia.csv").write_text("testo,data\nOndalba ottima,03/03/2026\nOndalba lenta,32/13/2026\nOndalba ferma,\n")
    result = call("import", "storia.csv", "--demo", "--data", "data")
    assert result.exit_code == 0, result.output
    assert "3 rows read, 2 handed over, 1 refused" in result.stdout
    dead = " ".join(call("dead", "list", "--demo", "--data", "data").stdout.split())
    assert 'the date "32/13/2026" cannot be read' in dead
    assert "storia.csv, line 3" in dead


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--map", "text=comento"), 'storia.csv: there is no column "comento" (did you mean "commento"'),
        (("--map", "test=commento"), 'there is no field "test" (did you mean "text"'),
        (("--map", "commento"), "expected FIELD=COLUMN"),
        (("--time-zone", "Italia"), "expected a zone such as Europe/Rome"),
    ],
)
def test_import_says_what_is_wrong(options: tuple[str, ...], words: str) -> None:
    Path("storia.csv").write_text("commento\nciao\n")
    result = call("import", "storia.csv", "--demo", "--data", "data", *options)
    assert result.exit_code != 0
    assert words in " ".join(result.stderr.split())


def test_init_writes_what_check_takes(base: str) -> None:
    result = call("init", "--brand", "Caffè Aurora", "--competitor", "Bar Moka", "--source", f"{base}/feed.xml")
    assert result.exit_code == 0, result.output
    checked = call("check", "--offline")
    assert checked.exit_code == 0, checked.output
    assert "1 brand, 1 competitor, 1 source" in checked.stdout
    again = call("init", "--brand", "Altro")
    assert again.exit_code == 1
    assert "already there" in again.stderr
    assert "Aurora" in Path("ronzio.toml").read_text()


def test_import_says_that_what_is_too_old_will_go() -> None:
    Path("storia.csv").write_text("testo,data\nAurora in ritardo,2015-02-16\nAurora in orario,2026-01-01\n")
    Path("ronzio.toml").write_text('keep_mentions_days = 365\n[[brands]]\nname = "Aurora"\n')
    told = "the oldest is of 2015-02-16; what is older than keep_mentions_days = 365 is deleted"
    assert told in call("import", "storia.csv", "--data", "data").stderr
    Path("ronzio.toml").write_text('keep_mentions_days = 36500\n[[brands]]\nname = "Aurora"\n')
    assert "keep_mentions_days" not in call("import", "storia.csv", "--data", "data").stderr
