"""All settings, from one `ronzio.toml`: composed of each folder's own, validated once, immutable.

Secrets never stand in the file: they come from the environment (RONZIO_MAIL_PASSWORD) or from a file it names.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, model_validator

from alerts import AlertSettings, MailSettings
from crawlers import CrawlerSettings
from dashboard import DashboardSettings
from enrichment import EnrichmentSettings, check_expression
from index import BadQuery, ElasticSettings, parse_query
from stream import Brand, KafkaSettings, Settings, slug
from stream.expressions import ExpressionError

DEFAULT_FILE = Path("ronzio.toml")
OVERRIDES = {  # (table, key) -> environment variable that holds over what the file says
    ("dashboard", "host"): "RONZIO_HOST",
    ("dashboard", "port"): "RONZIO_PORT",
    ("metrics", "host"): "RONZIO_METRICS_HOST",
    ("metrics", "port"): "RONZIO_METRICS_PORT",
    ("elasticsearch", "username"): "RONZIO_ELASTICSEARCH_USER",
}
SERVICES = ("kafka", "elasticsearch")  # tables that say by being there where the data lie: only the file brings them in


class SettingsError(Exception):
    """The configuration cannot be used; the message names the file and, line by line, what is wrong and where."""


class MetricsSettings(Settings):
    """What the processes show to Prometheus: see docs/monitoring.md."""

    host: str = "127.0.0.1"  # anybody who reaches this address sees the figures: there is no sign-in
    port: int = Field(default=0, ge=0, le=65_529)  # of the indexer; the other processes follow: +1 to +6; 0 = off


class RonzioSettings(Settings):
    """The whole of `ronzio.toml`."""

    data_dir: Path = Path("ronzio-data")  # where everything is kept
    partitions: int = Field(default=4, ge=1, le=256)  # of the log; fixed when it is first made
    keep_log_days: int = Field(default=30, ge=1)  # what was fetched, as it came; for replaying
    keep_mentions_days: int = Field(default=730, ge=1)  # older mentions are deleted
    brands: tuple[Brand, ...] = Field(min_length=1)
    kafka: KafkaSettings | None = None  # with this table the log lies in Kafka, else in data_dir
    elasticsearch: ElasticSettings | None = None  # with this table the store lies in Elasticsearch, else in data_dir
    crawler: CrawlerSettings = CrawlerSettings()
    enrichment: EnrichmentSettings = EnrichmentSettings()
    alerts: AlertSettings = AlertSettings()
    mail: MailSettings = MailSettings()
    dashboard: DashboardSettings = DashboardSettings()
    metrics: MetricsSettings = MetricsSettings()

    @model_validator(mode="after")
    def _brands_agree(self) -> RonzioSettings:
        known: dict[str, str] = {}
        for brand in self.brands:
            if brand.id in known:
                raise ValueError(f'brands: "{brand.name}" and "{known[brand.id]}" share the id "{brand.id}"')
            known[brand.id] = brand.name
        for brand in self.brands:
            for rival in brand.competitors:
                if rival not in known.values() and slug(rival) not in known:
                    raise ValueError(f'brands: "{brand.name}" names the competitor "{rival}", which is no brand here')
        return self

    @model_validator(mode="after")
    def _expressions_can_be_asked(self) -> RonzioSettings:
        for brand in self.brands:
            for what in (brand, *brand.products):
                _asked(f'"{what.name}": query', what.query, check_expression)
            _asked(f'"{brand.name}": alert_query', brand.alert_query, parse_query)
        return self

    @model_validator(mode="after")
    def _links_lead_to_the_pages(self) -> RonzioSettings:
        if not self.mail.dashboard_url:
            mail = self.mail.model_copy(update={"dashboard_url": self.dashboard.address})
            object.__setattr__(self, "mail", mail)
        return self

    @property
    def log_place(self) -> Path | KafkaSettings:
        """For `open_log`."""
        return self.kafka or self.data_dir / "log"

    @property
    def index_place(self) -> Path | ElasticSettings:
        """For `open_index`."""
        return self.elasticsearch or self.data_dir / "index"


def _asked(name: str, text: str, read: Callable[[str], object]) -> None:
    try:
        if text:
            read(text)
    except (ExpressionError, BadQuery) as error:
        raise ValueError(f"brands: {name}: {error} (at letter {error.column})") from None


def load(path: Path) -> RonzioSettings:
    """Reads and validates `path`. A relative `data_dir` counts from the file's folder. Raises SettingsError."""
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        raise SettingsError(f'{path}: there is no such file. "ronzio init" writes one.') from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read: {error}") from None
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: not TOML: {error}") from None
    return build(table, str(path), path.parent)


def build(table: Mapping[str, Any], name: str, folder: Path = Path()) -> RonzioSettings:
    """Validates what a file called `name` in `folder` says. Raises SettingsError."""
    data = dict(table)
    if "sources" in data:  # the file has [[sources]] at the top, where a user looks for them
        data["crawler"] = {**data.get("crawler", {}), "sources": data.pop("sources")}
    for (below, key), variable in OVERRIDES.items():
        said = data.get(below, None if below in SERVICES else {})
        if variable in os.environ and isinstance(said, Mapping):  # else the validation says what is wrong with it
            data[below] = {**said, key: os.environ[variable]}
    try:
        settings = RonzioSettings.model_validate(data)
    except ValidationError as error:
        raise SettingsError("\n".join(f"{name}: {line}" for line in _lines(error))) from None
    return settings.model_copy(update={"data_dir": (folder / settings.data_dir).absolute()})


def _lines(error: ValidationError) -> Iterable[str]:
    for part in error.errors():
        where = _where(part["loc"])
        message = part["msg"].removeprefix("Value error, ")
        shown = part.get("input")
        got = f" (got {shown!r})" if isinstance(shown, str | int | float | bool) else ""
        yield f"{where + ': ' if where else ''}{message}{got}"


def _where(location: tuple[int | str, ...]) -> str:
    """("crawler", "sources", 1, "feed", "url") -> "sources[2].url": as a user counts, without our own tags."""
    text = ""
    parts = location[1:] if location[:2] == ("crawler", "sources") else location
    for before, part in zip((None, *parts), parts, strict=False):
        if isinstance(part, int):
            text += f"[{part + 1}]"
        elif not isinstance(before, int) or part not in ("feed", "site", "opml"):
            text += f".{part}" if text else part
    return text
