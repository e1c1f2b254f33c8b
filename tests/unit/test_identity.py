import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawlers.identity import canonical_key, site_of

SAME = [
    ("https://www.acme.it/a", "http://acme.it/a/"),
    ("https://acme.it/a?utm_source=x&id=3", "https://acme.it/a?id=3&fbclid=1"),
    ("https://m.acme.it/a", "https://acme.it/a"),
    ("https://acme.it/a/amp", "https://acme.it/a"),
    ("https://acme.it/a?amp=1", "https://acme.it/a"),
    ("https://acme.it:443/%41", "https://acme.it/A"),
    ("https://acme.it/caffè", "https://acme.it/caff%c3%a8"),
    ("https://ACME.it./a#top", "https://acme.it/a"),
    ("https://acme.it/x/../a", "https://acme.it/a"),
    ("https://acme.it/a?b=1&a=2", "https://acme.it/a?a=2&b=1"),
    ("https://acme.it/a;jsessionid=1F", "https://acme.it/a"),
]
APART = [
    ("https://acme.it/a", "https://acme.it/A"),
    ("https://acme.it/a?id=1", "https://acme.it/a?id=2"),
    ("https://acme.it/a?p=1", "https://acme.it/a"),
    ("https://acme.it/a?ref=x", "https://acme.it/a"),
    ("https://acme.it/a%2Fb", "https://acme.it/a/b"),
    ("https://acme.it/#!/a", "https://acme.it/#!/b"),
    ("https://acme.it/a?x=1&x=2", "https://acme.it/a?x=2&x=1"),
    ("https://acme.it:8080/a", "https://acme.it/a"),
    ("https://blog.acme.it/a", "https://acme.it/a"),
    ("https://m.it/a", "https://it/a"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_spellings_of_one_page_are_one(one: str, other: str) -> None:
    assert canonical_key(one) == canonical_key(other)


@pytest.mark.parametrize(("one", "other"), APART)
def test_different_pages_stay_apart(one: str, other: str) -> None:
    assert canonical_key(one) != canonical_key(other)


@given(
    st.from_regex(r"(www\.|m\.)?[a-z]{1,8}\.(it|com)", fullmatch=True),
    st.text(max_size=30),
    st.lists(st.tuples(st.text(max_size=5), st.text(max_size=5)), max_size=4),
)
def test_the_key_of_a_key_is_itself(host: str, path: str, query: list[tuple[str, str]]) -> None:
    url = f"https://{host}/{path}?{'&'.join(f'{name}={value}' for name, value in query)}"
    try:
        key = canonical_key(url)
    except ValueError:
        return
    assert canonical_key(key) == key


@pytest.mark.parametrize("url", ["", "ftp://acme.it/a", "mailto:a@acme.it", "javascript:alert(1)", "/a", "https://"])
def test_what_is_no_web_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="no web address"):
        canonical_key(url)


def test_the_site_is_the_host_without_its_prefix() -> None:
    assert site_of("https://www.acme.it/a") == "acme.it"
    assert site_of("not an address") == ""
