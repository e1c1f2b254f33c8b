"""infra/: what watches Ronzio names only what there is. Prometheus' own promtool has the last word on its files."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import ronzio.metrics
from index.fields import FIELDS
from infra.testbed.waiting import PATIENCE
from ronzio.metrics import PLACES
from stream import metrics

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "infra" / "prometheus"
CONFIG: dict[str, Any] = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text("utf-8"))
RULES: list[dict[str, Any]] = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text("utf-8"))["groups"][0]["rules"]
BOARD: dict[str, Any] = json.loads((ROOT / "infra" / "grafana" / "dashboards" / "ronzio.json").read_text("utf-8"))
OBJECTS: list[dict[str, Any]] = [
    json.loads(line) for line in (ROOT / "infra" / "kibana" / "ronzio.ndjson").read_text("utf-8").splitlines()
]
GUIDE = (ROOT / "docs" / "monitoring.md").read_text("utf-8")


def promtool(*arguments: str | Path) -> None:
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is not here: apt-get install prometheus")
    asked = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=PATIENCE)
    assert asked.returncode == 0, asked.stdout + asked.stderr


def known() -> set[str]:
    """Every name a scrape may hold, also of metrics that have no value yet."""
    assert ronzio.metrics.PLACES
    suffixes = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_count", "_sum")}
    return {
        f"{family.name}{end}"
        for one in (metrics.REGISTRY, metrics.MEASURED)
        for family in one.collect()
        for end in suffixes[family.type]
    }


def board_expressions() -> list[str]:
    return [target["expr"] for panel in BOARD["panels"] for target in panel["targets"]]


def named(text: str) -> set[str]:
    return set(re.findall(r"\b(?:ronzio|process)_[a-z_]+\b", text))


def test_rules_and_dashboard_name_only_metrics_there_are() -> None:
    for expression in [*(rule["expr"] for rule in RULES), *board_expressions()]:
        found = named(expression)
        assert found <= known(), expression
        assert found or "up{" in expression


def test_labels_are_those_of_the_metrics() -> None:
    labels = {
        "le",
        "process",
        "job",
        *(label for one in vars(metrics).values() for label in getattr(one, "_labelnames", ())),
    }
    for expression in [*(rule["expr"] for rule in RULES), *board_expressions()]:
        used = {
            name for group in re.findall(r"by \(([^)]*)\)", expression) for name in group.replace(" ", "").split(",")
        }
        used |= set(re.findall(r"(\w+)=~?\"", expression))
        assert used <= labels, expression


def test_the_guide_names_every_metric_and_every_alert_and_no_other() -> None:
    families = {re.sub(r"_(bucket|count|sum)$", "", name) for name in known() if name.startswith("ronzio_")}
    assert named(GUIDE) - {"process_resident_memory_bytes"} == families
    assert set(re.findall(r"\bRonzio[A-Z]\w+", GUIDE)) == {rule["alert"] for rule in RULES}


def test_every_process_is_asked_where_it_serves() -> None:
    (job,) = CONFIG["scrape_configs"]
    assert job["job_name"] == "ronzio"
    found = [(one["labels"]["process"], one["targets"]) for one in job["static_configs"]]
    assert found == [(process, [f"127.0.0.1:{9110 + place}"]) for place, process in enumerate(PLACES[:-1])]
    assert PLACES[-1] == "second-opinion", "which runs only where an engine is named for it"


def test_promtool_takes_the_configuration_and_the_rules() -> None:
    promtool("check", "config", PROMETHEUS / "prometheus.yml")
    promtool("check", "rules", PROMETHEUS / "alerts.yml")


def test_promtool_takes_what_the_container_of_prometheus_finds(tmp_path: Path) -> None:
    for file in (ROOT / "infra" / "compose" / "prometheus.yml", PROMETHEUS / "alerts.yml"):
        shutil.copy(file, tmp_path)  # docker-compose.yml mounts them side by side
    promtool("check", "config", tmp_path / "prometheus.yml")


def test_promtool_sees_each_rule_fire_and_none_while_all_is_well() -> None:
    tried = (PROMETHEUS / "alerts.test.yml").read_text("utf-8")
    assert all(f'alertname="{rule["alert"]}"' in tried for rule in RULES)
    promtool("test", "rules", PROMETHEUS / "alerts.test.yml")


def test_promtool_can_read_what_the_dashboard_asks(tmp_path: Path) -> None:
    records = [
        {"record": f"panel:{place}", "expr": expression.replace("$__rate_interval", "5m")}
        for place, expression in enumerate(board_expressions())
    ]
    rules = tmp_path / "rules.yml"
    rules.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": records}]}))
    promtool("check", "rules", rules)


def test_the_dashboards_panels_lie_beside_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in BOARD["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells
    assert len({panel["id"] for panel in BOARD["panels"]}) == len(BOARD["panels"])


def test_grafana_finds_where_to_ask() -> None:
    (source,) = yaml.safe_load(
        (ROOT / "infra" / "grafana" / "provisioning" / "datasources" / "prometheus.yml").read_text("utf-8")
    )["datasources"]
    asked = {panel["datasource"]["uid"] for panel in BOARD["panels"]}
    asked |= {target["datasource"]["uid"] for panel in BOARD["panels"] for target in panel["targets"]}
    assert asked == {source["uid"]}


def test_kibanas_objects_refer_to_each_other_only() -> None:
    there = {(one["type"], one["id"]) for one in OBJECTS}
    assert len(there) == len(OBJECTS)
    for one in OBJECTS:
        assert {(to["type"], to["id"]) for to in one["references"]} <= there
        assert len({to["name"] for to in one["references"]}) == len(one["references"])
    (board,) = [one for one in OBJECTS if one["type"] == "dashboard"]
    panels = json.loads(board["attributes"]["panelsJSON"])
    wanted = {f"{panel['panelIndex']}:{panel['panelRefName']}" for panel in panels}
    assert wanted == {to["name"] for to in board["references"]}
    assert json.loads(board["attributes"]["kibanaSavedObjectMeta"]["searchSourceJSON"])
    assert {to["id"] for to in board["references"]} == {one["id"] for one in OBJECTS if one["type"] == "lens"}


def columns(charts: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for chart in charts:
        for layer in chart["attributes"]["state"]["datasourceStates"]["formBased"]["layers"].values():
            assert set(layer["columnOrder"]) == set(layer["columns"])
            yield from layer["columns"].values()


def test_kibanas_charts_ask_for_fields_there_are() -> None:
    (view,) = [one for one in OBJECTS if one["type"] == "index-pattern"]
    assert view["attributes"]["title"] == "ronzio-mentions"
    assert FIELDS[view["attributes"]["timeFieldName"]] == "date"
    for column in columns([one for one in OBJECTS if one["type"] == "lens"]):
        assert column["sourceField"] == "___records___" or FIELDS[column["sourceField"]] in ("keyword", "date")
