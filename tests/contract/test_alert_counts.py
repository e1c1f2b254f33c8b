"""What counts as negative talk of a brand: the same on both backends, and for mentions tagged before each brand had a label."""

from __future__ import annotations

from datetime import timedelta

from index_backends import START, Stores, edit, ids, mention, settled

from alerts.counts import Subject
from index import parse_query


def test_negative_towards_the_brand_counts(stores: Stores) -> None:
    index = stores()
    both = ("acme", "beta")
    index.write(
        [
            mention(1, sentiment="negative"),  # tagged before each brand had a label
            mention(2, sentiment="negative", brand=both),  # and naming two
            mention(3, sentiment="negative", brand=both, towards=("acme:positive", "beta:negative")),
            mention(4, sentiment="neutral", brand=both, towards=("acme:negative", "beta:positive")),
            mention(5, sentiment="negative", towards=("acme:none",)),
            mention(6, sentiment="negative", towards=("acme:negative",)),
            mention(7, sentiment="positive", towards=("acme:positive",)),
            mention(8, sentiment="neutral", towards=("acme:none",)),
            mention(9, sentiment="negative", brand=both, towards=("acme:negative",)),  # beta was added by hand
        ]
    )
    index.edit([edit(8, {"sentiment": "negative"}), edit(6, {"sentiment": "neutral"})])
    settled(index)

    def counted(brand: str) -> set[str]:
        query = Subject(brand).query(START, START + timedelta(hours=1))
        hits = index.search({"query": query, "size": 50})["hits"]["hits"]
        return {hit["_id"] for hit in hits}

    assert counted("acme") == set(ids([1, 2, 4, 8, 9]))
    assert counted("beta") == set(ids([2, 3, 9]))
    typed = index.search({"query": parse_query('verso:"Beta:negativo" OR towards:"acme:nessuno"'), "size": 50})
    assert {hit["_id"] for hit in typed["hits"]["hits"]} == set(ids([3, 5]))
