"""Elasticsearch made ready for Ronzio: a role and a user for each kind of process, and the indices. Does nothing twice.

    RONZIO_ELASTICSEARCH_USER=elastic RONZIO_ELASTICSEARCH_PASSWORD=... python -m infra.setup --config ronzio.toml

The new users' passwords come from the environment: RONZIO_WORKER_PASSWORD and so on. Elasticsearch is waited for.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import elastic_transport
import elasticsearch
from elasticsearch import Elasticsearch

from index import ElasticSettings, IndexFailure, open_index
from ronzio.settings import SettingsError, load

PROCESSES: Final = ("indexer", "worker", "crawler", "alerts", "dashboard")
PASSWORDS: Final[Mapping[str, str]] = {  # user -> environment variable with its password
    f"ronzio-{process}": f"RONZIO_{process.upper()}_PASSWORD" for process in PROCESSES
}
KIBANA: Final = "KIBANA_PASSWORD"  # of Kibana's own user, where there is one
PATIENCE: Final = 180.0  # seconds Elasticsearch is waited for
PAUSE: Final = 1.0

# Before it writes its first record, every process says what a new index of mentions looks like.
_CLUSTER: Final = ("manage_index_templates",)
_SEES: Final = ("view_index_metadata",)
_READS: Final = ("read", "view_index_metadata", "maintenance")  # maintenance: makes searchable what is written
_WRITES: Final = (*_READS, "write")
_KEEPS: Final = (*_WRITES, "monitor")  # monitor: the version of the records
_MAKES: Final = (*_WRITES, "create_index", "indices:admin/aliases")  # a new index of mentions comes with its aliases


class NotReady(Exception):
    """Elasticsearch cannot be set up; the message is one line."""


def roles(prefix: str) -> dict[str, dict[str, Any]]:
    """What each kind of process may do, by the name of its role."""
    mentions, directory, state, records = (f"{prefix}{name}" for name in ("mentions", "directory", "state", "records"))
    all_mentions = (mentions, f"{mentions}-*")

    def role(*grants: tuple[Sequence[str], Sequence[str]], cluster: Sequence[str] = _CLUSTER) -> dict[str, Any]:
        return {
            "cluster": list(cluster),
            "indices": [{"names": list(names), "privileges": list(privileges)} for names, privileges in grants],
        }

    reader = role((all_mentions, _READS), ((directory, state), _READS), ((records,), _KEEPS))
    return {
        # drops old indices and makes them anew; a copy is followed by its task
        "ronzio-indexer": role(
            (all_mentions, (*_MAKES, "delete_index", "monitor")),
            ((directory, state), _WRITES),
            ((records,), _KEEPS),
            cluster=(*_CLUSTER, "monitor"),
        ),
        "ronzio-worker": role((all_mentions, _MAKES), ((directory, state), _WRITES), ((records,), _KEEPS)),
        "ronzio-crawler": role(((directory, state), _SEES), ((records,), _KEEPS)),
        "ronzio-alerts": reader,
        "ronzio-dashboard": reader,
    }


def set_up(client: Elasticsearch, settings: ElasticSettings, env: Mapping[str, str]) -> list[str]:
    """Roles, users and indices as they should be, whatever was there. Answers the names of the users. Raises NotReady."""
    lacking = [variable for variable in PASSWORDS.values() if not env.get(variable)]
    if lacking:
        raise NotReady(f"{', '.join(lacking)}: not set; run make env first")
    _await(client)
    try:
        for name, role in roles(settings.prefix).items():
            client.security.put_role(name=name, cluster=role["cluster"], indices=role["indices"])
        for user, variable in PASSWORDS.items():
            client.security.put_user(username=user, password=env[variable], roles=[user])
        if env.get(KIBANA):
            client.security.change_password(username="kibana_system", password=env[KIBANA])
        index = open_index(settings)
        try:
            index.fresh()  # makes what it asks and does not find, the first index of mentions too: who only reads could not
        finally:
            index.close()
    except (elasticsearch.ApiError, elastic_transport.TransportError, IndexFailure) as error:
        raise NotReady(f"Elasticsearch at {', '.join(settings.hosts)}: {error}") from None
    return list(PASSWORDS)


def connect(settings: ElasticSettings) -> Elasticsearch:
    """As the administrator. Raises NotReady."""
    if not settings.username or not settings.password():
        raise NotReady("RONZIO_ELASTICSEARCH_USER and RONZIO_ELASTICSEARCH_PASSWORD: not those of an administrator")
    try:
        return Elasticsearch(
            list(settings.hosts),
            basic_auth=(settings.username, settings.password()),
            ca_certs=str(settings.ca_file) if settings.ca_file else elastic_transport.client_utils.DEFAULT,
            request_timeout=settings.timeout_s,
        )
    except (ValueError, OSError) as error:
        raise NotReady(f"Elasticsearch at {', '.join(settings.hosts)}: {error}") from None


def _await(client: Elasticsearch) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            client.cluster.health(wait_for_status="yellow", timeout="5s")
            return
        except elasticsearch.AuthorizationException as error:
            raise NotReady(f"the user may not set Elasticsearch up: {error}") from None
        except elastic_transport.TlsError as error:
            raise NotReady(f"Elasticsearch's certificate is not trusted: {error.message}") from None
        except (elasticsearch.ApiError, elastic_transport.TransportError) as error:
            # Its own users are known only some seconds after it answers: a wrong password looks the same
            if time.monotonic() > deadline:
                raise NotReady(f"Elasticsearch is not ready after {PATIENCE:.0f} s: {error}") from None
        time.sleep(PAUSE)


def main(arguments: Sequence[str] | None = None) -> int:
    """Reads the command line; what is wrong is said in a line, without a traceback."""
    parser = argparse.ArgumentParser(prog="infra.setup", description="Makes Elasticsearch ready for Ronzio.")
    parser.add_argument("--config", type=Path, required=True, help="ronzio.toml, with a table [elasticsearch]")
    said = parser.parse_args(arguments)
    try:
        settings = load(said.config).elasticsearch
        if settings is None:
            raise NotReady(f"{said.config}: has no table [elasticsearch]; infra/compose/ronzio.toml shows one")
        with connect(settings) as client:
            users = set_up(client, settings, os.environ)
    except (NotReady, SettingsError, OSError) as error:
        sys.stderr.write(f"setup: {error}\n")
        return 1
    sys.stdout.write(f"setup: Elasticsearch is ready; users: {', '.join(users)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
