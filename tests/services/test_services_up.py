"""The services are there and are the versions Ronzio is made for. `make test-services` brings them up."""

from __future__ import annotations

import os

import pytest
from elasticsearch import Elasticsearch
from kafka import KafkaAdminClient

pytestmark = pytest.mark.services


def address(variable: str) -> str:
    found = os.environ.get(variable)
    if not found:
        pytest.fail(f'{variable} is not set: "make test-services" brings the services up')
    return found


def test_kafka_answers() -> None:
    admin = KafkaAdminClient(bootstrap_servers=address("RONZIO_TEST_KAFKA"))
    try:
        assert admin.get_broker_version_data(admin.describe_cluster()["controller_id"]).broker_version >= (4, 0)
    finally:
        admin.close()


def test_elasticsearch_9_answers() -> None:
    with Elasticsearch(address("RONZIO_TEST_ELASTICSEARCH")) as client:
        assert client.info()["version"]["number"].startswith("9.")
        assert client.cluster.health()["status"] in ("green", "yellow")
