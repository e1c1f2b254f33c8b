"""The whole way while its processes are killed at random: nothing lost, nothing twice, nothing erased comes back."""

from __future__ import annotations

import random
import time
import uuid
from collections import Counter
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from spine_harness import Demo, address, missing

from index import Index, open_index
from infra.testbed.waiting import until
from ronzio.demo import Post
from ronzio.demo.places import TALK
from ronzio.status import GROUP, books
from stream import EDITS, RAW, Edit, Record, open_log, utc_now

KILLS = 40
KILLED = ("crawler", "worker", "indexer", "alerts")
EVERYTHING = {"match_all": {}}


@pytest.mark.faults
def test_kills_lose_nothing_and_bring_nothing_back(tmp_path: Path) -> None:
    chance = random.Random(4)
    demo = Demo(tmp_path)
    with (
        closing(open_log(demo.data_dir / "log")) as log,
        closing(open_index(demo.data_dir / "index")) as index,
        demo.running(),
    ):
        erased, edited = first_posts(demo, 30)
        until(lambda: all(identity(demo, index, post) for post in edited), "the first mentions")
        noted = [identity(demo, index, post) for post in edited]
        for number in range(KILLS):
            time.sleep(chance.uniform(0.2, 2.2))  # a random moment, not a wait for something
            demo.kill(chance.choice(KILLED))
            if number < len(erased):
                say(log_dir=demo.data_dir / "log", edit=erase(erased[number].author))
                say(log_dir=demo.data_dir / "log", edit=note(noted[number], str(number)))
        demo.silent_from = utc_now()
        gone = frozenset(post.author for post in erased)

        def settled() -> bool:
            demo.check_alive()
            lag = [*log.lag(GROUP, RAW).values(), *log.lag(GROUP, EDITS).values()]
            waiting = any(entry.waiting for entry in books(log, index))
            return not any(lag) and not waiting and not index.fresh()["behind"] and not missing(demo, index, gone)

        until(settled, "everything to be handled")
        found = [mention for batch in index.scan(EVERYTHING) for mention in batch]
        assert not gone.intersection(mention["author"] for mention in found if "author" in mention)
        assert Counter(mention["id"] for mention in found).most_common(1)[0][1] == 1
        assert index.fresh()["documents"] == len(found) == index.count(EVERYTHING)
        for number, post in enumerate(edited):
            notes = [mention["note"] for mention in index.get([noted[number]])]
            assert notes == ([] if post.author in gone else [str(number)])
        assert all(entry.fetched == entry.tally.received for entry in books(log, index))


def first_posts(demo: Demo, count: int) -> tuple[list[Post], list[Post]]:
    """Comments on a brand that are there from the start: some to erase, others to note something on."""
    posts = [post for post in demo.posts() if post.place in TALK and post.company and post.author]
    return posts[:count], posts[count : 2 * count]


def identity(demo: Demo, index: Index, post: Post) -> str:
    """The id of the post's mention; "" while it is not found."""
    found = index.search({"query": {"term": {"url": address(demo, post)}}})["hits"]["hits"]
    return str(found[0]["_id"]) if found else ""


def erase(author: str) -> Edit:
    return Edit(id=uuid.uuid4().hex, at=utc_now(), by="test", kind="erase-author", author=author)


def note(mention: str, text: str) -> Edit:
    return Edit(id=uuid.uuid4().hex, at=utc_now(), by="test", mention=mention, changes={"note": text})


def say(log_dir: Path, edit: Edit) -> None:
    with closing(open_log(log_dir)) as log:
        log.append(EDITS, [Record((edit.mention or edit.author).encode(), msgspec.json.encode(edit))])
