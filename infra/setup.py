"""Elasticsearch made ready for Ronzio: a role and a user for each kind of process, and the indices. Does nothing twice.

    RONZIO_ELASTICSEARCH_USER=elastic RONZIO_ELASTICSEARCH_PASSWORD=... python -m infra.setup --config ronzio.toml

The new users' passwords come from the environment: RONZIO_WORKER_PASSWORD and so on. With `--api-keys FOLDER` API keys that may
do the same are made instead of users, each in a file of its own for `api_key_file`. Elasticsearch is waited for.
"""

from __future__ import annotations

import argparse
import itertools
import logging
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
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
REFUSED_FOR: Final = 30.0  # seconds a refusal is not believed: its users are known some seconds after it answers
PAUSES: Final = (1.0, 1.0, 2.0, 3.0, 5.0)  # between two tries; the last again and again
DAYS: Final = 365  # an API key is good for

# Every process looks whether new indices of mentions will be as it expects; to make them so is the administrator's.
_CLUSTER: Final = ("indices:admin/index_template/get",)
_SEES: Final = ("view_index_metadata",)
_READS: Final = ("read", "view_index_metadata", "maintenance")  # maintenance: makes searchable what is written
_WRITES: Final = (*_READS, "write")
_LOOKS: Final = (*_READS, "monitor")  # monitor: the version of the records
_KEEPS: Final = (*_LOOKS, "write")
_MAKES: Final = (*_WRITES, "create_index", "indices:admin/aliases")  # a new index of mentions comes with its aliases


class NotReady(Exception):
    """Elasticsearch cannot be set up; the message is one line."""


def roles(prefix: str) -> dict[str, dict[str, Any]]:
    """What each kind of process may do, by the name of its role."""
    mentions, directory, state = (f"{prefix}{name}" for name in ("mentions", "directory", "state"))
    records, decisions = f"{prefix}records", f"{prefix}decisions"  # the version of records is that of both together
    all_mentions = (mentions, f"{mentions}-*")

    def role(*grants: tuple[Sequence[str], Sequence[str]], cluster: Sequence[str] = _CLUSTER) -> dict[str, Any]:
        return {
            "cluster": list(cluster),
            "indices": [{"names": list(names), "privileges": list(privileges)} for names, privileges in grants],
        }

    reads = ((all_mentions, _READS), ((directory, state), _READS))
    return {
        # drops old indices and makes them anew; a copy is followed by its task
        "ronzio-indexer": role(
            (all_mentions, (*_MAKES, "delete_index", "monitor")),
            ((directory, state), _WRITES),
            ((records, decisions), _KEEPS),
            cluster=(*_CLUSTER, "monitor"),
        ),
        "ronzio-worker": role((all_mentions, _MAKES), ((directory, state), _WRITES), ((records, decisions), _KEEPS)),
        "ronzio-crawler": role(((directory, state), _SEES), ((records,), _KEEPS), ((decisions,), _LOOKS)),
        "ronzio-alerts": role(*reads, ((records,), _KEEPS), ((decisions,), _LOOKS)),
        # what people say of mentions goes into the log
        "ronzio-dashboard": role(*reads, ((records,), _LOOKS), ((decisions,), _KEEPS)),
    }


def set_up(client: Elasticsearch, settings: ElasticSettings, enter: Callable[[], list[str]]) -> list[str]:
    """The indices as they should be, whatever was there, and ways in by `enter`, whose answer is answered. Raises NotReady."""
    _await(client, f"Elasticsearch at {', '.join(settings.hosts)}")
    try:
        made = enter()
        index = open_index(settings)
        try:
            # Makes what it asks and does not find: the first index of mentions too, which who only reads may not make
            index.search({"size": 0, "aggs": {"all": {"filter": {"match_all": {}}}}})
        finally:
            index.close()
    except (elasticsearch.ApiError, elastic_transport.TransportError, IndexFailure) as error:
        raise NotReady(f"Elasticsearch at {', '.join(settings.hosts)}: {error}") from None
    return made


def put_users(client: Elasticsearch, settings: ElasticSettings, env: Mapping[str, str]) -> list[str]:
    """Roles and users as they should be. Answers the users' names. Raises the client's errors."""
    for name, role in roles(settings.prefix).items():
        client.security.put_role(name=name, cluster=role["cluster"], indices=role["indices"])
    for user, variable in PASSWORDS.items():
        client.security.put_user(username=user, password=env[variable], roles=[user])
    if env.get(KIBANA):
        client.security.change_password(username="kibana_system", password=env[KIBANA])
    return list(PASSWORDS)


def make_keys(client: Elasticsearch, settings: ElasticSettings, folder: Path, days: int) -> list[str]:
    """A new API key for each kind of process, limited to its role, in `folder`/<user>.key, for the owner's eyes only. Keys made
    before stay good until they expire. Answers the files' names. Raises OSError, the client's errors."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    files = []
    for name, role in roles(settings.prefix).items():
        file, draft = folder / f"{name}.key", folder / f".{name}.new"
        draft.unlink(missing_ok=True)
        draft.touch(0o600)
        made = client.security.create_api_key(name=name, role_descriptors={name: role}, expiration=f"{days}d")
        draft.write_text(f"{made['encoded']}\n")
        files.append(str(draft.replace(file)))
    return files


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


def _await(client: Elasticsearch, there: str) -> None:
    began = time.monotonic()
    for tries in itertools.count():
        try:
            client.cluster.health(wait_for_status="yellow", timeout="5s")
            return
        except elasticsearch.AuthorizationException as error:
            raise NotReady(f"{there}: this user may not set it up: {error}") from None
        except elastic_transport.TlsError as error:
            raise NotReady(f"{there}: its certificate is not trusted: {error.message}") from None
        except elasticsearch.AuthenticationException:
            if time.monotonic() - began > REFUSED_FOR:
                raise NotReady(f"{there} refuses the administrator: wrong RONZIO_ELASTICSEARCH_PASSWORD") from None
        except (elasticsearch.ApiError, elastic_transport.TransportError) as error:
            if time.monotonic() - began > PATIENCE:
                raise NotReady(f"{there} is not ready after {PATIENCE:.0f} s: {error}") from None
        time.sleep(PAUSES[min(tries, len(PAUSES) - 1)])


def main(arguments: Sequence[str] | None = None) -> int:
    """Reads the command line; what is wrong is said in a line, without a traceback."""
    parser = argparse.ArgumentParser(prog="infra.setup", description="Makes Elasticsearch ready for Ronzio.")
    parser.add_argument("--config", type=Path, required=True, help="ronzio.toml, with a table [elasticsearch]")
    parser.add_argument("--api-keys", type=Path, metavar="FOLDER", help="make API keys there instead of users")
    parser.add_argument("--days", type=int, default=DAYS, help=f"the API keys are good for [{DAYS}]")
    said = parser.parse_args(arguments)
    logging.getLogger("elastic_transport").setLevel(logging.CRITICAL)  # it tells of every try; what counts is told here
    try:
        settings = load(said.config).elasticsearch
        if settings is None:
            raise NotReady(f"{said.config}: has no table [elasticsearch]; infra/compose/ronzio.toml shows one")
        with connect(settings) as client:
            lacking = [variable for variable in PASSWORDS.values() if not os.environ.get(variable)]
            if said.api_keys:
                made = set_up(client, settings, lambda: make_keys(client, settings, said.api_keys, said.days))
            elif lacking:
                raise NotReady(f"{', '.join(lacking)}: not set; run make env first")
            else:
                made = set_up(client, settings, lambda: put_users(client, settings, os.environ))
    except (NotReady, SettingsError, OSError) as error:
        sys.stderr.write(f"setup: {error}\n")
        return 1
    sys.stdout.write(f"setup: Elasticsearch is ready; {'API keys' if said.api_keys else 'users'}: {', '.join(made)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
