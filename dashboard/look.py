"""The look: colours that mean the same everywhere, charts as plain Vega-Lite specifications, a few HTML-free helpers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import streamlit as st

from dashboard import context
from dashboard.words import _, language, moment, sentiment_names

# Okabe-Ito's vermilion and bluish green: told apart by colour-blind readers too, and by their order in every legend.
COLOURS = {"negative": "#d5552b", "neutral": "#a3abbd", "positive": "#1f9a78"}
# Of what is neither good nor bad: no red, no green
SERIES = ["#3f51c5", "#e69f00", "#56a5c9", "#9b6bb3", "#7a8599", "#cc79a7", "#a67c45", "#b3a125"]
INCIDENT = "#d5552b"

_LOCALES: dict[str, dict[str, Any]] = {
    "it": {
        "number": {"decimal": ",", "thousands": ".", "grouping": [3], "currency": ["", " €"]},
        "time": {
            "dateTime": "%A %e %B %Y, %X", "date": "%d/%m/%Y", "time": "%H:%M:%S", "periods": ["", ""],
            "days": ["Domenica", "Lunedì", "Martedì", "Mercoledì", "Giovedì", "Venerdì", "Sabato"],
            "shortDays": ["Dom", "Lun", "Mar", "Mer", "Gio", "Ven", "Sab"],
            "months": ["Gennaio", "Febbraio", "Marzo", "Aprile", "Maggio", "Giugno", "Luglio", "Agosto", "Settembre",
                       "Ottobre", "Novembre", "Dicembre"],
            "shortMonths": ["Gen", "Feb", "Mar", "Apr", "Mag", "Giu", "Lug", "Ago", "Set", "Ott", "Nov", "Dic"],
        },
    },
    "en": {"number": {"decimal": ".", "thousands": ",", "grouping": [3], "currency": ["€", ""]}},
}  # fmt: skip
_UTC = {"type": "utc"}
_TIME_LABEL = (
    "utcFormat(datum.value, utchours(datum.value) == 0 && utcminutes(datum.value) == 0 && utcseconds(datum.value) == 0"
    " ? '%d %b' : utcseconds(datum.value) == 0 ? '%H:%M' : '%H:%M:%S')"
)


def show(spec: dict[str, Any], key: str) -> None:
    """Draws a chart that keeps its place while its data changes."""
    config = {"locale": _LOCALES[language()], "axis": {"labelFontSize": 12, "titleFontSize": 12, "grid": True}}
    config["view"] = {"stroke": None}
    with st.container(key=f"chart-{key}"):
        st.vega_lite_chart({**spec, "config": config}, width="stretch", key=key)


def _values(frame: pd.DataFrame) -> dict[str, Any]:
    shown = frame.copy()
    for column in shown.columns:
        if isinstance(shown[column].dtype, pd.DatetimeTZDtype):
            shown[column] = shown[column].map(_clock)
    return {"values": shown.to_dict("records")}


def _clock(time: datetime) -> int:
    """The installation's wall clock as if it were UTC, in ms: Vega knows UTC and the browser's zone only, and the texts beside a
    chart are on the installation's clock. The hour that comes twice in autumn is drawn over itself."""
    zone = ZoneInfo(context.current().settings.time_zone)
    return int(time.astimezone(zone).replace(tzinfo=UTC).timestamp() * 1000)


def _clock_of(ms: float) -> int:
    return _clock(datetime.fromtimestamp(ms / 1000, UTC))


def _told(times: pd.Series[Any], step: int = 60) -> pd.Series[Any]:
    """Times in words, with seconds where steps are shorter than a minute."""
    return times.map(lambda time: moment(time) + (f":{time.second:02}" if step < 60 else ""))


def _time_axis() -> dict[str, Any]:
    return {"title": None, "labelExpr": _TIME_LABEL, "grid": False, "tickCount": 8, "labelOverlap": True}


def sentiment_scale(names: dict[str, str]) -> dict[str, Any]:
    order = ("negative", "neutral", "positive")
    return {"domain": [names[label] for label in order], "range": [COLOURS[label] for label in order]}


def buzz_chart(
    frame: pd.DataFrame, names: dict[str, str], bands: Sequence[dict[str, Any]], step: int, height: int = 300
) -> dict[str, Any]:
    """Mentions by time, stacked by sentiment; incidents as bands; the step that is still running is paler.

    `frame`: time, sentiment, mentions; `bands`: start, end (ms since 1970, UTC), name.
    """
    bands = [{**band, **{edge: _clock_of(band[edge]) for edge in ("start", "end")}} for band in bands]
    shown = frame.assign(
        end=frame["time"] + pd.Timedelta(seconds=step), label=frame["sentiment"].map(names), rank=frame["sentiment"].map(
            {"negative": 0, "neutral": 1, "positive": 2}
        ), running=frame["time"] == frame["time"].max(), told=_told(frame["time"], step),
    )  # fmt: skip
    bars = {
        "data": _values(shown),
        "mark": {"type": "bar", "binSpacing": 1},
        "encoding": {
            "x": {"field": "time", "type": "temporal", "scale": _UTC, "bin": "binned", "axis": _time_axis()},
            "x2": {"field": "end"},
            "y": {
                "field": "mentions", "type": "quantitative", "stack": True,
                "axis": {"title": _("mentions"), "tickMinStep": 1, "format": ",.0f"},
            },
            "order": {"field": "rank"},
            "color": {
                "field": "label", "scale": sentiment_scale(names),
                "legend": {"title": None, "orient": "top", "symbolType": "square"},
            },
            "opacity": {"condition": {"test": "datum.running", "value": 0.45}, "value": 1},
            "tooltip": [
                {"field": "told", "title": _("From")},
                {"field": "label", "title": _("Sentiment")},
                {"field": "mentions", "title": _("Mentions"), "format": ",.0f"},
            ],
        },
    }  # fmt: skip
    layers: list[dict[str, Any]] = [bars]
    if bands:
        area = {
            "data": {"values": list(bands)},
            "mark": {"type": "rect", "color": INCIDENT, "opacity": 0.13},
            "encoding": {
                "x": {"field": "start", "type": "temporal", "scale": _UTC}, "x2": {"field": "end"},
                "tooltip": [{"field": "name", "title": _("Incident")}],
            },
        }  # fmt: skip
        layers = [area, bars, *_band_names(bands, frame["time"])]
    return {"layer": layers, "height": height}


def _band_names(bands: Sequence[dict[str, Any]], times: pd.Series[Any]) -> list[dict[str, Any]]:
    """The bands' names beside their beginning: on its left where there is no room on the right."""
    first, last = _clock(times.min()), _clock(times.max())
    late = [band for band in bands if band["start"] > first + (last - first) * 0.75]
    early = [band for band in bands if band not in late]
    sides: tuple[tuple[list[dict[str, Any]], str, int], ...] = ((early, "left", 4), (late, "right", -4))
    return [
        {
            "data": {"values": values},
            "mark": {
                "type": "text", "align": align, "baseline": "top", "dx": dx, "dy": 3, "color": INCIDENT,
                "fontWeight": "bold", "fontSize": 12,
            },
            "encoding": {
                "x": {"field": "start", "type": "temporal", "scale": _UTC}, "y": {"value": 0}, "text": {"field": "name"},
            },
        }
        for values, align, dx in sides
        if values
    ]  # fmt: skip


def voice_chart(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Share of voice: one bar a brand, own brands in the main colour. `rows`: name, mentions, share, own, text."""
    base = {"y": {"field": "name", "type": "nominal", "sort": "-x", "axis": {"title": None, "labelLimit": 140}}}
    return {
        "data": {"values": list(rows)},
        "height": {"step": 34},
        "layer": [
            {
                "mark": {"type": "bar", "cornerRadiusEnd": 4, "height": 20},
                "encoding": {
                    **base,
                    "x": {
                        "field": "share", "type": "quantitative", "axis": None, "scale": {"domainMin": 0, "nice": False},
                    },
                    "color": {"condition": {"test": "datum.own", "value": SERIES[0]}, "value": SERIES[4]},
                    "tooltip": [{"field": "name", "title": _("Brand")}, {"field": "mentions", "title": _("Mentions")}],
                },
            },
            {
                "mark": {"type": "text", "align": "left", "dx": 5, "fontSize": 13},
                "encoding": {
                    **base,
                    "x": {"field": "share", "type": "quantitative"}, "text": {"field": "text"},
                    "color": {"value": "#7a8599"},
                },
            },
        ],
    }  # fmt: skip


def stacked_chart(rows: Sequence[dict[str, Any]], names: dict[str, str]) -> dict[str, Any]:
    """Counts by group with their sentiment. `rows`: name and the three labels."""
    values = [
        {"name": row["name"], "label": names[label], "mentions": row[label], "rank": rank}
        for row in rows
        for rank, label in enumerate(("negative", "neutral", "positive"))
    ]
    return {
        "data": {"values": values},
        "height": {"step": 28},
        "mark": {"type": "bar", "height": 18},
        "encoding": {
            "y": {"field": "name", "type": "nominal", "sort": [row["name"] for row in rows],
                  "axis": {"title": None, "labelLimit": 190}},
            "x": {"field": "mentions", "type": "quantitative",
                  "axis": {"title": _("mentions"), "tickMinStep": 1, "format": ",.0f"}},
            "order": {"field": "rank"},
            "color": {"field": "label", "scale": sentiment_scale(names),
                      "legend": {"title": None, "orient": "top", "symbolType": "square"}},
            "tooltip": [{"field": "name", "title": _("Group")}, {"field": "label", "title": _("Sentiment")},
                        {"field": "mentions", "title": _("Mentions")}],
        },
    }  # fmt: skip


def lines_chart(frame: pd.DataFrame, series: str | None) -> dict[str, Any]:
    """Mentions by time, one line for each value of the column `series`, at most as many as `SERIES`."""
    encoding: dict[str, Any] = {
        "x": {"field": "time", "type": "temporal", "scale": _UTC, "axis": _time_axis()},
        "y": {"field": "mentions", "type": "quantitative",
              "axis": {"title": _("mentions"), "tickMinStep": 1, "format": ",.0f"}},
        "tooltip": [{"field": "told", "title": _("From")},
                    {"field": "mentions", "title": _("Mentions")}],
    }  # fmt: skip
    if series:
        scale = sentiment_scale(sentiment_names()) if series == "sentiment" else {"range": SERIES}
        encoding["color"] = {
            "field": series, "type": "nominal", "scale": scale, "legend": {"title": None, "orient": "top", "columns": 3},
        }  # fmt: skip
        encoding["tooltip"].append({"field": series, "title": _("Group")})
    return {
        "data": _values(frame.assign(told=_told(frame["time"]))),
        "height": 300,
        "mark": {"type": "line", "point": True},
        "encoding": encoding,
    }
