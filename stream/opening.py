"""The log by where it is."""

from __future__ import annotations

from pathlib import Path

from stream.kafka_settings import KafkaSettings
from stream.log import Log


def open_log(place: Path | KafkaSettings, *, partitions: int = 4) -> Log:
    """The log in a directory or in Kafka, made if it is not there.

    `partitions`: of a log that has to be made in a directory; one that is there keeps its own. Raises LogUnavailable,
    LogError (made by a newer version; not let in).
    """
    if isinstance(place, KafkaSettings):
        from stream.kafka.log import KafkaLog

        return KafkaLog(place)
    from stream.embedded import EmbeddedLog

    return EmbeddedLog(place, partitions=partitions)
