"""The pages in a real browser: hostile text stays text, phones, exports, mails in their frame, an edit that holds."""

from __future__ import annotations

import csv
import io
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from pages_harness import fill, served
from playwright.sync_api import Browser, Error, Page, expect, sync_playwright

from index import open_index
from infra.testbed.waiting import PATIENCE, until
from stream import Mention

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: apt-get install chromium"),
]
VIEWS = ("", "mentions", "alerts", "sources", "analyse")


class Site:
    def __init__(self, address: str, folder: Path, made: list[Mention]) -> None:
        self.address, self.folder, self.made = address, folder, made


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    made = fill(folder / "data")
    with served(folder) as address:
        yield Site(address, folder, made)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        expect.set_options(timeout=1000 * PATIENCE)
        yield chromium
        chromium.close()


def opened(browser: Browser, address: str, width: int = 1440, height: int = 900, language: str = "it-IT") -> Page:
    page = browser.new_page(viewport={"width": width, "height": height}, locale=language)
    page.set_default_timeout(1000 * PATIENCE)
    page.goto(address)
    drawn(page)
    return page


def drawn(page: Page) -> None:
    page.wait_for_selector(
        "[data-testid=stApp][data-test-script-state=notRunning][data-test-connection-state=CONNECTED]"
    )
    page.wait_for_selector("h1")


@pytest.mark.parametrize("view", VIEWS)
def test_hostile_text_stays_text(site: Site, browser: Browser, view: str) -> None:
    asked: list[str] = []
    with browser.new_context(viewport={"width": 1440, "height": 2400}, locale="it-IT") as context:
        context.set_default_timeout(1000 * PATIENCE)
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{site.address}/{view}")
        drawn(page)
        if view in ("", "mentions"):
            expect(page.get_by_text("<img src=x onerror").first).to_be_visible()
        assert page.title() != "owned"
        assert page.locator("img[src*='pixel'], img[src='x'], a[href*='evil'], a[href^='javascript']").count() == 0
        assert [url for url in asked if not url.startswith((site.address, "data:", "blob:"))] == []


def test_hostile_text_stays_text_in_full(site: Site, browser: Browser) -> None:
    page = opened(browser, f"{site.address}/mentions?mention={site.made[59].id}")
    words = page.locator(".st-key-words-text .words")
    expect(words).to_contain_text("<img src=x onerror")
    assert words.locator("img, a, script").count() == 0
    expect(page.get_by_role("link", name="Apri dove è stata pubblicata")).to_have_count(0)
    assert page.title() != "owned"
    page.close()


@pytest.mark.parametrize("view", VIEWS)
def test_a_phone_needs_no_sideways_scrolling(site: Site, browser: Browser, view: str) -> None:
    page = opened(browser, f"{site.address}/{view}", 390, 844)
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 390
    assert page.locator("[data-testid=stMain]").evaluate("main => main.scrollWidth - main.clientWidth") <= 0
    page.close()


def test_the_pages_speak_the_browsers_language_and_can_be_switched(site: Site, browser: Browser) -> None:
    page = opened(browser, site.address, language="en-GB")
    expect(page.get_by_role("heading", name="Live")).to_be_visible()
    page.get_by_role("radio", name="Italiano").click()
    expect(page.get_by_role("heading", name="In diretta")).to_be_visible()
    page.close()


def test_live_moves_by_itself(site: Site, browser: Browser) -> None:
    """A mention that comes in while the page is open shows without a reload."""
    page = opened(browser, f"{site.address}/?brand=bruma")
    page.goto(f"{site.address}/?brand=aurora&period=24h")
    drawn(page)
    before = page.get_by_test_id("stMetricValue").first.inner_text()
    index = open_index(site.folder / "data" / "index")
    late = site.made[3]
    index.write([Mention(**{**_fields(late), "id": "f" * 20, "digest": "late", "text": "Appena arrivata: Aurora"})])
    index.close()
    expect(page.get_by_test_id("stMetricValue").first).not_to_have_text(before)
    page.close()


def _fields(mention: Mention) -> dict[str, object]:
    return {name: getattr(mention, name) for name in mention.__struct_fields__}


def test_an_edit_holds(site: Site, browser: Browser) -> None:
    mention = site.made[2]
    page = opened(browser, f"{site.address}/mentions?mention={mention.id}")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Nota per i colleghi").fill("Richiamare domani")
    dialog.get_by_text("Correggi quel che ha detto la macchina").click()
    dialog.get_by_role("radio", name="Positivo").click()
    dialog.get_by_label("Il tuo nome").fill("Maria")
    dialog.get_by_role("button", name="Salva").click()
    index = open_index(site.folder / "data" / "index")
    try:
        until(lambda: index.get([mention.id])[0].get("note") == "Richiamare domani", "the note to be kept")
        kept = index.get([mention.id])[0]
    finally:
        index.close()
    assert kept["sentiment"] == "positive"
    assert "Maria" in kept["edited"]["note"]
    page.close()
    page = opened(browser, f"{site.address}/mentions?mention={mention.id}")
    expect(page.get_by_role("dialog").get_by_label("Nota per i colleghi")).to_have_value("Richiamare domani")
    page.close()


def test_opening_and_closing_a_mention_changes_the_address(site: Site, browser: Browser) -> None:
    page = opened(browser, f"{site.address}/mentions?brand=bruma")
    page.get_by_role("button", name="Apri").first.click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.wait_for_url(lambda url: "mention=" in url)
    page.get_by_role("button", name="Close").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.wait_for_url(lambda url: "mention=" not in url and "brand=bruma" in url)
    page.close()


def test_exports_hold_what_the_page_counts(site: Site, browser: Browser) -> None:
    page = opened(browser, f"{site.address}/mentions?brand=bruma")
    link = page.get_by_role("link", name="CSV")
    with urllib.request.urlopen(f"{site.address}{link.get_attribute('href')}") as answer:
        rows = list(csv.DictReader(io.StringIO(answer.read().decode("utf-8-sig"))))
    assert len(rows) == 20
    assert {row["brand"] for row in rows} == {"bruma"}
    with urllib.request.urlopen(f"{site.address}/export/parquet?brand=bruma") as answer:
        assert pq.read_table(io.BytesIO(answer.read())).num_rows == 20
    page.close()


def test_an_export_runs_no_formula(site: Site) -> None:
    index = open_index(site.folder / "data" / "index")
    index.write(
        [
            Mention(
                **{
                    **_fields(site.made[5]),
                    "id": "e" * 20,
                    "digest": "f",
                    "text": "=HYPERLINK(1)",
                    "author": "calcolatore",
                }
            )
        ]
    )
    until(lambda: index.count({"term": {"author": "calcolatore"}}), "the mention to be searchable")
    index.close()
    with urllib.request.urlopen(f"{site.address}/export/csv?q=author:calcolatore") as answer:
        (row,) = csv.DictReader(io.StringIO(answer.read().decode("utf-8-sig")))
    assert row["text"] == "'=HYPERLINK(1)"


@pytest.mark.parametrize(
    ("path", "status"),
    [("/export/csv?q=brand:(", 400), ("/export/exe", 404), ("/letters/record/none", 404), ("/_stcore/metrics", 404)],
)
def test_what_cannot_be_given_is_refused(site: Site, path: str, status: int) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{site.address}{path}")
    assert refused.value.code == status
    refused.value.close()


@pytest.mark.parametrize(
    ("spoken", "headline", "reason"),
    [
        ("it", "La ricerca non può avere risposta (alla lettera 8)", "manca una parola"),
        ("en", "The query cannot be answered (at letter 8)", "a word is missing"),
    ],
)
def test_an_export_says_what_is_wrong_in_the_language_of_the_page(
    site: Site, spoken: str, headline: str, reason: str
) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{site.address}/export/csv?q=brand:(&lang={spoken}")
    first, _line, why = refused.value.read().decode().partition("\n")
    assert first == headline
    assert reason in why
    refused.value.close()


def test_a_mail_is_shown_in_a_frame_that_runs_nothing(site: Site, browser: Browser) -> None:
    page = opened(browser, f"{site.address}/alerts")
    page.get_by_role("tab", name="E-mail").click()
    expect(page.frame_locator("iframe").locator("#told")).to_have_text("41 menzioni negative")
    assert page.title() != "owned"
    page.close()


def test_answers_forbid_everything_from_outside(site: Site) -> None:
    with urllib.request.urlopen(site.address) as answer:
        policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    with urllib.request.urlopen(f"{site.address}/letters/record/i1%2Fstart") as answer:
        policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox")
    assert "default-src 'none'" in policy


def test_a_foreign_name_for_the_server_is_refused(site: Site) -> None:
    request = urllib.request.Request(f"{site.address}/_stcore/host-config", headers={"Host": "evil.example"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)
    assert refused.value.code in (400, 403)
    refused.value.close()


def test_the_browser_reports_no_script_errors(site: Site, browser: Browser) -> None:
    errors: list[Error] = []
    page = browser.new_page(locale="it-IT")
    page.on("pageerror", lambda error: errors.append(error))
    for view in VIEWS:
        page.goto(f"{site.address}/{view}")
        drawn(page)
    page.close()
    assert errors == []
