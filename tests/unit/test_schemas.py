"""The topics' schemas say what the structs say, and every example holds both."""

from __future__ import annotations

from typing import Any, get_args

import jsonschema
import msgspec
import pytest

import stream
from stream import EDITABLE, SENTIMENTS, STATUSES, TOPICS, UnknownTopic, examples, schema, topics

EVERY = [(topic, example) for topic in topics() for example in examples(topic)]
FORM = {"integer": 7, "boolean": True, "object": {}, "string": "x"}


def struct_of(topic: str) -> Any:
    return getattr(stream, topics()[topic].struct)


def test_every_topic_of_the_log_and_its_dead_letters_is_described() -> None:
    assert set(topics()) == {*TOPICS, *(f"{topic}.dead" for topic in TOPICS)}


@pytest.mark.parametrize("topic", topics())
def test_the_schema_itself_is_valid(topic: str) -> None:
    jsonschema.Draft202012Validator.check_schema(schema(topic))


@pytest.mark.parametrize("topic", topics())
def test_struct_and_schema_have_the_same_fields(topic: str) -> None:
    fields = msgspec.structs.fields(struct_of(topic))
    described = schema(topic)
    assert set(described["properties"]) == {field.encode_name for field in fields}
    assert set(described["required"]) == {field.encode_name for field in fields if field.required}
    for field in fields:
        known = described["properties"][field.encode_name]
        if not field.required:
            default = field.default_factory() if field.default_factory is not msgspec.NODEFAULT else field.default
            assert known["default"] == default, field.name
        if choices := [choice for choice in get_args(field.type) if isinstance(choice, str)]:
            assert set(known["enum"]) == set(choices), field.name


@pytest.mark.parametrize("topic", topics())
def test_struct_and_schema_agree_on_types(topic: str) -> None:
    described = schema(topic)
    generated = msgspec.json.schema(struct_of(topic))["$defs"][struct_of(topic).__name__]
    for name, known in described["properties"].items():
        known = described["$defs"]["time"] if known.get("$ref") == "#/$defs/time" else known
        found = generated["properties"][name]
        nested = any("$ref" in one for one in found.get("anyOf", ()))
        assert known["type"] == ("object" if nested else found.get("type", "string")), name


def test_what_one_may_edit_is_what_the_schema_lets_one_edit() -> None:
    changes = schema("mentions.edits")["properties"]["changes"]["properties"]
    assert set(changes) == set(EDITABLE)
    assert changes["status"]["enum"] == list(STATUSES)
    assert changes["sentiment"]["enum"] == list(SENTIMENTS)


@pytest.mark.parametrize(("topic", "example"), EVERY)
def test_an_example_satisfies_its_schema(topic: str, example: bytes) -> None:
    jsonschema.Draft202012Validator(schema(topic)).validate(msgspec.json.decode(example))


@pytest.mark.parametrize(("topic", "example"), EVERY)
def test_an_example_survives_the_struct(topic: str, example: bytes) -> None:
    item = msgspec.json.decode(example, type=struct_of(topic))
    assert msgspec.json.decode(msgspec.json.encode(item)) == msgspec.json.decode(example)


@pytest.mark.parametrize(("topic", "example"), EVERY)
def test_the_schema_refuses_what_the_struct_would_not_hold(topic: str, example: bytes) -> None:
    validator = jsonschema.Draft202012Validator(schema(topic))
    whole = msgspec.json.decode(example)
    for name in schema(topic)["required"]:
        assert not validator.is_valid({key: value for key, value in whole.items() if key != name}), name
    assert not validator.is_valid({**whole, "unheard_of": 1})
    for name, value in whole.items():
        wrong = (
            {kind: form for kind, form in FORM.items() if kind != "object"} if isinstance(value, dict) else {"o": {}}
        )
        for form in wrong.values():
            assert not validator.is_valid({**whole, name: form}), (name, form)


def test_the_examples_show_every_kind_there_is() -> None:
    items = [msgspec.json.decode(example, type=stream.Item) for example in examples("mentions.raw")]
    assert {item.kind for item in items} == {"upsert", "tombstone"}
    assert {item.date_origin for item in items} == {"stated", "zone-assumed", "fetched"}
    assert {item.backfill for item in items} == {True, False}
    edits = [msgspec.json.decode(example, type=stream.Edit) for example in examples("mentions.edits")]
    assert {edit.kind for edit in edits} == {"edit", "erase", "erase-author", "opinion"}
    letters = [msgspec.json.decode(example, type=stream.DeadLetter) for example in examples("mentions.raw.dead")]
    assert {letter.topic for letter in letters} == set(TOPICS)


def test_an_edit_must_say_of_what() -> None:
    validator = jsonschema.Draft202012Validator(schema("mentions.edits"))
    base = {"id": "e", "at": "2026-03-03T10:00:00Z", "by": "anna"}
    assert validator.is_valid({**base, "kind": "erase", "mention": "0" * 20})
    assert not validator.is_valid({**base, "kind": "erase", "author": "piero"})
    assert not validator.is_valid({**base, "kind": "erase-author", "mention": "0" * 20})
    assert not validator.is_valid({**base, "mention": "0" * 20})


def test_a_topic_nobody_described_is_named() -> None:
    with pytest.raises(UnknownTopic, match=r"mentions\.cooked"):
        examples("mentions.cooked")
