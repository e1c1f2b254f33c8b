"""Every page on a real store, without a browser: full, empty, in both languages, and when the store does not answer."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

import msgspec
import pandas as pd
import pytest
import streamlit
from msgspec.structs import replace
from pages_harness import BRANDS, fill, mention
from starlette.requests import Request
from streamlit.testing.v1 import AppTest

from dashboard import DashboardSettings, bodies, context, data, look
from dashboard.exports import export
from dashboard.words import inert, sentiment_names
from enrichment import Models, RetagWish, retag_wish
from index import BadQuery, Index, IndexFailure, Json, open_index, open_upkeep
from infra.testbed.waiting import PATIENCE
from stream import (
    RAW,
    SENTIMENTS,
    Edit,
    Item,
    LogDamaged,
    Mention,
    Record,
    TaggingEngine,
    mention_id,
    open_log,
    utc_now,
)

MAIN = Path(__file__).parents[2] / "dashboard" / "main.py"
VIEWS = ("live", "mentions", "alerts", "sources", "analyse", "expressions")


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    fill(folder, booked=True)
    return folder


@pytest.fixture
def pages(filled: Path) -> Iterator[None]:
    yield from installed(filled)


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[None]:
    yield from installed(tmp_path)


def installed(folder: Path) -> Iterator[None]:
    streamlit.cache_data.clear()
    context.install(folder, BRANDS, DashboardSettings())
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main  # AppTest puts the page there, and processes started later would run it
    context.close()


def opened(view: str, language: str = "it", **address: str) -> AppTest:
    page = AppTest.from_file(str(MAIN), default_timeout=PATIENCE)
    page.query_params["lang"] = language
    for name, value in address.items():
        page.query_params[name] = value
    page.run()
    if view != "live":
        page.switch_page(f"views/{view}.py")
        for name, value in address.items():
            page.query_params[name] = value
        page.run()
    assert not page.exception, page.exception
    return page


@pytest.mark.usefixtures("pages")
@pytest.mark.parametrize("view", ["live", "analyse"])
def test_figures_that_mix_versions_of_the_tagging_say_so(view: str) -> None:
    records = context.index().records
    said = TaggingEngine(engine="newer", judged_by="newer", at=utc_now())
    assert "ronzio retag" not in captions(opened(view))
    records.put(TaggingEngine.KIND, TaggingEngine.ID, msgspec.json.encode(said))
    streamlit.cache_data.clear()
    assert "sono state etichettate da una versione precedente" in captions(opened(view))
    records.delete(TaggingEngine.KIND, TaggingEngine.ID)


def captions(page: AppTest) -> str:
    return " ".join(one.value for one in page.caption)


def words(page: AppTest) -> str:
    kinds = ("title", "subheader", "markdown", "caption", "text", "info", "warning", "error", "success")
    return "\n".join(str(one.value) for kind in kinds for one in page.get(kind))


@pytest.mark.parametrize("language", ["it", "en"])
@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.usefixtures("pages")
def test_every_page_is_drawn_in_both_languages(view: str, language: str) -> None:
    titles = {"live": ("In diretta", "Live"), "mentions": ("Menzioni", "Mentions"), "alerts": ("Allerte", "Alerts"),
              "sources": ("Fonti", "Sources"), "analyse": ("Analisi", "Analyse"),
              "expressions": ("Prova un'espressione", "Try an expression")}  # fmt: skip
    page = opened(view, language)
    assert page.title[0].value == titles[view][language == "en"]
    assert not page.error or view == "live", [one.value for one in page.error]


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.usefixtures("empty")
def test_every_page_of_a_new_installation_says_what_comes_next(view: str) -> None:
    page = opened(view)
    assert not page.error
    assert page.info or page.success


@pytest.mark.usefixtures("pages")
def test_live_counts_what_is_there() -> None:
    page = opened("live", brand="aurora", period="1h")
    figures = {one.label: one.value for one in page.metric}
    assert figures["Menzioni"] == "60"
    assert figures["Quota negativa"] == "33%"
    assert figures["Episodi in corso"] == "1"
    assert "Lampo" in page.error[0].value


@pytest.mark.usefixtures("pages")
def test_live_asks_nearly_everything_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    alone: list[Json] = []
    many: list[Json] = []
    index = context.index()
    search = index.search
    monkeypatch.setattr(index, "search", lambda body: alone.append(body) or search(body))
    monkeypatch.setattr(index, "search_many", lambda bodies: many.extend(bodies) or list(map(search, bodies)))
    opened("live", brand="aurora", period="1h")
    told = [sorted(body.get("aggs", {})) for body in alone]
    assert len(many) >= 7
    assert all(body not in many for body in alone), "asked again one by one"
    assert len(told) <= 3, f"what rises, and the events of the stories found; and what else? {told}"


@pytest.mark.usefixtures("pages")
def test_charts_are_on_the_installation_s_clock_whatever_the_browser_s() -> None:
    winter, summer = pd.Timestamp("2026-01-15T23:30Z"), pd.Timestamp("2026-07-15T23:30Z")
    for time, hours in ((winter, 1), (summer, 2)):  # in Rome
        frame = pd.DataFrame({"time": [time], "sentiment": ["negative"], "mentions": [3]})
        incident = {"start": time.timestamp() * 1000, "end": (time.timestamp() + 60) * 1000, "name": "Lampo"}
        names = {label: label for label in SENTIMENTS}
        band, bars, *_named = look.buzz_chart(frame, names, [incident], 15)["layer"]
        for encoding in (band["encoding"], bars["encoding"]):
            assert encoding["x"]["scale"] == {"type": "utc"}
        [bar], [area] = bars["data"]["values"], band["data"]["values"]
        shifted = (time + pd.Timedelta(hours=hours)).timestamp() * 1000
        assert bar["time"] == area["start"] == shifted
        assert (bar["end"] - bar["time"], area["end"] - area["start"]) == (15_000, 60_000)
        assert f"{(23 + hours) % 24:02}:30:00" in bar["told"] and "16" in bar["told"]
        [point] = look.lines_chart(frame, None)["data"]["values"]
        assert point["time"] == shifted and point["told"] in bar["told"]


@pytest.mark.usefixtures("pages")
def test_live_begins_with_a_period_that_has_something_in_it() -> None:
    page = opened("live", brand="aurora")
    assert page.session_state["live.period"] == "1h"
    assert opened("live", brand="bruma").session_state["live.brand"] == "aurora"  # a competitor has no page


@pytest.mark.usefixtures("pages")
def test_the_link_of_a_mail_leads_to_its_incident() -> None:
    page = opened("alerts", incident="i1")
    assert page.subheader[0].value.startswith("Lampo")
    assert "41" in words(page)


@pytest.mark.usefixtures("pages")
def test_mentions_are_filtered_by_the_address() -> None:
    page = opened("mentions", brand="bruma")
    assert "**20** menzioni" in words(page)
    assert "**1** menzione" in words(opened("mentions", q="author:utente7"))


@pytest.mark.usefixtures("pages")
def test_a_mention_tells_what_it_says_of_each_brand() -> None:
    told = words(opened("mentions", mention=mention_id("https://forum.example.org/t/1001")))
    assert "Verso ciascuna marca" in told and "Bruma&#58; Solo nominata" in told
    assert "Verso ciascuna" not in words(opened("mentions", mention=mention_id("https://forum.example.org/t/1")))


@pytest.fixture
def events(tmp_path: Path) -> Iterator[list[Mention]]:
    """Forty mentions about prices in the hours before; in the last one ten about shocks, of an event of two stories."""
    now = utc_now()
    before = [mention(number, now - timedelta(minutes=65 + 4 * number), terms=("prezzo",)) for number in range(40)]
    new = [
        mention(100 + number, now - timedelta(minutes=1 + number), terms=("scossa elettrica",)) for number in range(10)
    ]
    first, second = new[0].id, new[5].id
    made = [replace(one, story=first if place < 5 else second, event=first) for place, one in enumerate(new)]
    with closing(open_index(tmp_path / "index")) as index:
        index.write([*before, *made])
        open_upkeep(tmp_path / "index").run(lambda: index.fresh()["searchable"] == 50)
    for _ in installed(tmp_path):
        yield made


def test_live_tells_what_rises_with_an_example_and_the_way_to_all_of_them(events: list[Mention]) -> None:
    page = opened("live", brand="aurora", period="1h")
    assert "In crescita in questo periodo" in words(page)
    assert "10 ora, 0 prima · nuovo" in captions(page) and inert(events[0].text) in captions(page)
    [link] = [one.proto for one in page.get("page_link") if one.proto.icon == ":material/trending_up:"]
    asked = dict(parse_qsl(link.query_string))
    assert (link.label, asked["period"]) == ("scossa elettrica", "1h")
    assert "**10** menzioni" in words(opened("mentions", **asked))
    assert "troppo poche menzioni" in words(opened("live", brand="aurora", period="7d"))


def test_events_are_told_and_opened(events: list[Mention]) -> None:
    assert "parte di un evento con 2 notizie" in words(opened("live", brand="aurora", period="1h"))
    event, latest = events[0].event, bodies.within(events[4].published_at, utc_now())
    assert data.event_stories((event,), [latest]) == {event: 1} and data.event_stories((event,)) == {event: 2}
    page = opened("mentions", mention=events[7].id)
    [way] = [one for one in page.button if one.label == "Stesso evento: 2 notizie"]
    assert "**10** menzioni" in words(way.click().run())
    assert "**5** menzioni" in words(opened("mentions", story=events[7].story))


@pytest.mark.usefixtures("pages")
def test_a_sentiment_that_could_not_be_told_says_so() -> None:
    assert "Sentiment incerto" in words(opened("mentions", brand="bruma"))
    assert "Sentiment incerto" not in words(opened("mentions", brand="aurora"))


@pytest.mark.usefixtures("pages")
def test_a_query_that_cannot_be_answered_is_explained() -> None:
    page = opened("mentions", q="brand:(aurora")
    assert "lettera" in page.error[0].value
    page = opened("mentions", q="marchetto:aurora")
    assert "marchetto" in words(page)
    page = opened("mentions", q="published_at:[boh TO now]")
    assert '"boh" non è una data' in words(page)


@pytest.fixture
def fetched(tmp_path: Path) -> Iterator[None]:
    """An installation that has fetched and stored nothing yet."""
    with closing(open_log(tmp_path / "log")) as log:
        for number in range(30):
            item = Item(
                id=mention_id(str(number)), source="feed:a", channel="feed", fetched_at=utc_now(), published_at=utc_now(),
                title="La rete <b>TIM</b>" if number % 3 == 0 else "", text=f"Nessuno nomina la marca {number}",
            )  # fmt: skip
            log.append(RAW, [Record(item.id.encode(), msgspec.json.encode(item))])
    yield from installed(tmp_path)


@pytest.mark.usefixtures("fetched")
def test_an_expression_is_tried_on_what_was_fetched() -> None:
    page = opened("expressions", q="=TIM NEAR/2 rete AND lingua:it")
    assert [one.value for one in page.metric] == ["10", "10", "0"]
    assert "delle ultime 30 cose raccolte" in words(page).replace("&#32;", " ")
    assert page.code[0].value == "query = '=TIM NEAR/2 rete AND lingua:it'"


@pytest.mark.usefixtures("fetched")
def test_a_wrong_expression_is_explained_under_its_letter() -> None:
    page = opened("expressions", q="=TIM and rete")
    assert "in maiuscolo" in page.error[0].value
    assert page.code[0].value == "=TIM and rete\n     ^"
    page = opened("mentions", q="=TIM rete")
    assert "maiuscole" in words(page) and "lettera 2" in page.error[0].value


@pytest.mark.usefixtures("pages")
def test_the_next_page_shows_other_mentions() -> None:
    page = opened("mentions", brand="aurora")
    first = {one.key for one in page.button if (one.key or "").startswith("open-")}
    assert len(first) == 20
    page.get("pagination")[0].set_value(2).run()  # type: ignore[attr-defined]
    assert first.isdisjoint({one.key for one in page.button if (one.key or "").startswith("open-")})


@pytest.mark.usefixtures("pages")
def test_analyse_groups_and_names_its_command() -> None:
    page = opened("analyse", q="brand:aurora", by="topic", period="24h")
    assert "**60** menzioni" in words(page)
    table = page.dataframe[0].value
    assert dict(zip(table["Argomento"], table["Menzioni"], strict=True)) == {"Consegna": 45, "Prezzo": 15}
    assert table["Quota negativa"].between(0, 1).all()  # numbers: the column is sorted as such
    assert page.code[0].value == "ronzio query brand:aurora --since 24h --by topic"


@pytest.mark.parametrize(("by", "mentions"), [("time", 80), ("product", 30)])
@pytest.mark.usefixtures("pages")
def test_analyse_over_time_shows_times_of_the_place(by: str, mentions: int) -> None:
    page = AppTest.from_file(str(MAIN), default_timeout=PATIENCE)
    page.query_params["lang"] = "it"
    page.run()
    page.switch_page("views/analyse.py")
    page.query_params["by"] = ["time", by] if by != "time" else ["time"]
    page.query_params["period"] = "1h"
    page.run()
    assert not page.exception
    assert not page.error
    table = page.dataframe[0].value
    assert table["Menzioni"].sum() == mentions
    assert utc_now().astimezone(ZoneInfo("Europe/Rome")).strftime("%Y") in table["Tempo"].iloc[0]


@pytest.mark.parametrize(
    ("note", "height"), [("in lettura", 0), ("il feed mostra solo le ultime venti voci. " * 3, 72)]
)
@pytest.mark.usefixtures("pages")
def test_a_long_note_of_a_source_has_room(monkeypatch: pytest.MonkeyPatch, note: str, height: int) -> None:
    found = [replace(one, health="ok", coverage_note=note) for one in data.sources()]
    monkeypatch.setattr(data, "sources", lambda: found)
    table = opened("sources").dataframe[0]
    assert table.proto.row_height == height, "rows higher than one line break their texts"
    assert json.loads(table.proto.columns)["Nota"]["width"] == 340


@pytest.mark.usefixtures("pages")
def test_sentiment_has_its_own_colours_in_every_chart_and_nothing_else_has_them() -> None:
    frame = pd.DataFrame({"time": [utc_now()] * 3, "mentions": [1, 2, 3]})
    named = look.lines_chart(frame.assign(sentiment=["Positive", "Negative", "Neutral"]), "sentiment")
    scale = named["encoding"]["color"]["scale"]
    assert dict(zip(scale["domain"], scale["range"], strict=True)) == {
        name: look.COLOURS[label] for label, name in sentiment_names().items()
    }
    brands = look.lines_chart(frame.assign(brand=["a", "b", "c"]), "brand")["encoding"]["color"]["scale"]["range"]
    assert not set(brands) & set(look.COLOURS.values())


@pytest.mark.usefixtures("pages")
def test_a_source_that_fails_comes_first_with_its_reason() -> None:
    page = opened("sources")
    assert "1 fonte ha bisogno di qualcuno." in page.warning[0].value
    assert "http://127.0.0.1:9/f.xml: no answer" in words(page)


@pytest.mark.parametrize("view", ["live", "mentions", "analyse"])
@pytest.mark.usefixtures("pages")
def test_a_store_that_does_not_answer_is_said_in_words(view: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Index, body: object) -> None:
        raise IndexFailure("the disk is gone")

    monkeypatch.setattr(type(context.index()), "search", fail)
    page = opened(view)
    assert "non si possono leggere" in words(page)
    assert "the disk is gone" in words(page)


@pytest.mark.parametrize("form", ["csv", "parquet"])
@pytest.mark.usefixtures("pages")
def test_an_export_from_a_store_that_does_not_answer_says_so(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Index, *_: object, **__: object) -> None:
        raise IndexFailure("the disk is gone")

    monkeypatch.setattr(type(context.index()), "scan", fail)
    scope = {"type": "http", "path_params": {"form": form}, "query_string": b"lang=it", "headers": []}
    answer = asyncio.run(export(Request(scope)))
    assert answer.status_code == 503
    assert (
        bytes(answer.body).decode()
        == "Ora le menzioni non si possono leggere. Riprova tra un momento.\nthe disk is gone"
    )


def test_a_bad_query_is_an_index_failure_with_its_place() -> None:
    assert issubclass(BadQuery, IndexFailure)


@pytest.mark.usefixtures("pages")
def test_tags_are_checked_without_being_told_what_the_machine_says(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[Edit] = []
    monkeypatch.setattr("dashboard.data.store_edit", said.append)
    monkeypatch.setattr("dashboard.data.await_edit", lambda *_: True)
    tomorrow = utc_now() + timedelta(days=1)  # the store is filled with what was published today
    monkeypatch.setattr("dashboard.checks.today", lambda: tomorrow)
    page = opened("sources")
    buttons = [one for one in page.button if str(one.key).startswith("check-")]
    assert len(buttons) == 30  # ten mentions, three labels each
    assert [one.key for one in buttons] == [
        one.key for one in opened("sources").button if str(one.key).startswith("check-")
    ]
    buttons[0].click().run()
    (edit,) = said
    assert (edit.changes, edit.drawn) == ({"sentiment": "negative"}, True)
    assert edit.mention in str(buttons[0].key)


@pytest.mark.usefixtures("pages")
def test_a_click_that_cannot_be_kept_says_so_and_is_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(edit: Edit) -> None:
        raise LogDamaged("mentions.edits.db cannot be used: file is not a database")

    monkeypatch.setattr("dashboard.data.store_edit", refuse)
    tomorrow = utc_now() + timedelta(days=1)
    monkeypatch.setattr("dashboard.checks.today", lambda: tomorrow)
    page = opened("sources")
    page = next(one for one in page.button if str(one.key).startswith("check-")).click().run()
    (told,) = page.toast
    assert (told.value, told.icon) == (
        "Non salvato: Ronzio al momento non è raggiungibile. Riprova tra un minuto.",
        ":material/error:",
    )


@pytest.mark.usefixtures("pages")
def test_to_confirm_a_sentiment_is_not_done_before_the_store_knows_who_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboard.data.WAIT", 0.2)
    monkeypatch.setattr("dashboard.data.store_edit", lambda edit: None)  # nobody tags: it stays in the log
    found = next(iter(context.index().recent(1)))
    page = opened("mentions", mention=found["id"])
    page = page.button(key=f"right-{found['id']}").click().run()
    (told,) = page.toast
    assert told.value == "Salvato; si vedrà appena la lavorazione riparte."
    assert page.button(key=f"right-{found['id']}")


@pytest.mark.usefixtures("pages")
def test_a_topic_is_taught_from_the_mentions_of_a_page_and_switched_on() -> None:
    page = opened("mentions", q="sentiment:negative")
    page.text_input(key="teach-name").set_value("Prova d'esame").run()
    page.button(key="teach").click().run(timeout=PATIENCE)
    assert not page.exception
    (topic,) = Models(context.index().records).topics()
    assert (topic.id, topic.name, topic.quality.examples <= 20) == ("prova-d-esame", "Prova d'esame", True)
    page.button(key="teach-on").click().run()
    assert [one.id for one in Models(context.index().records).switched_on()] == ["prova-d-esame"]
    page = opened("sources")
    assert "argomento prova-d-esame: versione 1 attivata" in captions(page)
    page.button(key="train").click().run(timeout=PATIENCE)
    assert any("ne servono almeno 50" in one.value for one in page.text)
    page.button(key="train-undo").click().run()
    assert Models(context.index().records).switched_on() == []


@pytest.mark.usefixtures("pages")
def test_history_is_tagged_anew_by_asking_and_the_page_says_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    records = context.index().records
    said = TaggingEngine(engine="newer", judged_by="newer", at=utc_now())
    page = opened("sources")
    assert "dalla versione ora in uso" in words(page) and not offered(page)
    records.put(TaggingEngine.KIND, TaggingEngine.ID, msgspec.json.encode(said))
    streamlit.cache_data.clear()
    page = opened("sources")
    assert "80 menzioni sono state etichettate da una versione precedente" in words(page)
    with monkeypatch.context() as broken:
        broken.setattr(type(records), "put", refuse)
        page.button(key="retag").click().run()
    assert "“ronzio retag” fa lo stesso" in words(page) and retag_wish(records) is None
    page.button(key="retag").click().run()
    wish = retag_wish(records)
    assert wish is not None and (wish.by, wish.finished_at) == ("un collega", None)
    page = opened("sources")
    assert not offered(page) and "comincia entro pochi secondi" in bars(page)
    records.put(RetagWish.KIND, RetagWish.ID, msgspec.json.encode(replace(wish, engine="newer", total=80, done=20)))
    assert "20 menzioni su 80" in bars(opened("sources"))
    done = replace(wish, engine="newer", retagged=79, by_hand=3, unnamed=1, finished_at=utc_now())
    records.put(RetagWish.KIND, RetagWish.ID, msgspec.json.encode(done))
    page = opened("sources")
    assert "79 menzioni; 3 di esse" in captions(page) and "1 non nomina" in captions(page)
    assert offered(page), "all 80 wait again"
    records.put(RetagWish.KIND, RetagWish.ID, msgspec.json.encode(replace(done, unnamed=80)))
    assert not offered(opened("sources"))
    records.delete(RetagWish.KIND, RetagWish.ID)
    records.delete(TaggingEngine.KIND, TaggingEngine.ID)


def refuse(*_: object, **__: object) -> None:
    raise IndexFailure("only reading is allowed")


def offered(page: AppTest) -> bool:
    return any(one.key == "retag" for one in page.button)


def bars(page: AppTest) -> str:
    return " ".join(one.proto.text for one in page.get("progress"))
