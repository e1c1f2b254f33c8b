"""The topics in Kafka: made with what they need where they are missing, and looked at where they are there.

A topic with other settings is reported and left as it is: somebody may have meant it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from kafka import errors
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient, NewTopic

from stream.kafka.clients import LARGEST, Clients
from stream.log import ORDERED, LogError, LogUnavailable

logger = logging.getLogger(__name__)

DEAD: Final = ".dead"
ACCOUNTS: Final = ".accounts"


class Wanted(NamedTuple):
    """A topic as it should be."""

    partitions: int
    config: Mapping[str, str]


def wanted(clients: Clients, topics: Sequence[str]) -> dict[str, Wanted]:
    """Every topic in Kafka that these topics of the log need."""
    settings = clients.settings
    # Nothing goes by age in the broker: only `Log.retain` knows who has still to read.
    every = {
        "retention.ms": "-1",
        "max.message.bytes": str(LARGEST),
        # Times are the broker's, so that a crawler whose clock is wrong does no harm.
        "message.timestamp.type": "LogAppendTime",
        "min.insync.replicas": str(max(1, settings.replication - 1)),
    }
    found = {}
    for topic in topics:
        partitions = 1 if topic in ORDERED else settings.partitions
        found[clients.name(topic)] = Wanted(partitions, {"cleanup.policy": "delete", **every})
        found[clients.name(topic + DEAD)] = Wanted(1, {"cleanup.policy": "delete", **every})
        found[clients.name(topic + ACCOUNTS)] = Wanted(1, {"cleanup.policy": "compact", **every})
    return found


def prepare(clients: Clients, admin: KafkaAdminClient, topics: Sequence[str]) -> dict[str, int]:
    """Makes what is missing, reports what is otherwise. Answers the number of partitions by Kafka's name."""
    plan = wanted(clients, topics)
    there = _there(clients, admin, list(plan))
    missing = [name for name in plan if name not in there]
    if missing:
        _create(clients, admin, {name: plan[name] for name in missing})
        there |= clients.ask(lambda: _all_there(clients, admin, missing))
    known = [name for name in plan if name not in missing]
    if known:
        _report(clients, admin, {name: plan[name] for name in known}, there)
    return there


def _there(clients: Clients, admin: KafkaAdminClient, names: Sequence[str]) -> dict[str, int]:
    found = clients.ask(lambda: admin.describe_topics(list(names)))
    return {one["name"]: len(one["partitions"]) for one in found if one["error_code"] == 0 and one["partitions"]}


def _all_there(clients: Clients, admin: KafkaAdminClient, names: Sequence[str]) -> dict[str, int]:
    """As `_there`. Raises LogUnavailable while a broker has not yet heard of one that was just made."""
    found = _there(clients, admin, names)
    if late := [name for name in names if name not in found]:
        raise LogUnavailable(f"Kafka at {clients.servers} does not show the topic {late[0]} that was just made")
    return found


def _create(clients: Clients, admin: KafkaAdminClient, plan: Mapping[str, Wanted]) -> None:
    new = [
        NewTopic(name, one.partitions, clients.settings.replication, topic_configs=dict(one.config))
        for name, one in plan.items()
    ]

    def create() -> None:
        for topic in new:
            try:
                admin.create_topics([topic], timeout_ms=10_000)
            except errors.TopicAlreadyExistsError:
                continue  # another process was faster
            except (errors.InvalidReplicationFactorError, errors.PolicyViolationError) as error:
                why = _why(admin, topic) or type(error).__name__
                raise LogError(f"Kafka at {clients.servers} does not make the topic {topic.name}: {why}") from error
            extra = {"action": "topic-made", "topic": topic.name}
            logger.info("made the topic %s with %d partitions", topic.name, topic.num_partitions, extra=extra)

    clients.ask(create)


def _why(admin: KafkaAdminClient, topic: NewTopic) -> str:
    """What Kafka says to it. The library's own error holds the whole request and the whole answer."""
    said: Any = admin.create_topics([topic], validate_only=True, raise_errors=False)
    return str(said["topics"][0]["error_message"] or "")


def _report(clients: Clients, admin: KafkaAdminClient, plan: Mapping[str, Wanted], there: Mapping[str, int]) -> None:
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in plan]
    said: Any = clients.ask(lambda: admin.describe_configs(resources, config_filter="all"))["topic"]
    for name, one in plan.items():
        is_so = {key: said[name][key]["value"] for key in one.config if key in said.get(name, {})}
        for key, value in {**one.config, "partitions": str(one.partitions)}.items():
            found = str(there[name]) if key == "partitions" else is_so.get(key, value)
            if found != value:
                extra = {"action": "topic-differs", "topic": name, "setting": key}
                logger.warning("topic %s: %s is %s, expected %s; left as it is", name, key, found, value, extra=extra)
