"""The Grafana dashboard: whatever it asks for exists, and it can be imported anywhere."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.promql import mistakes, selectors, series

DASHBOARD = Path(__file__).resolve().parent.parent / "config" / "grafana-dashboard.json"


def dashboard() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    return loaded


def members(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every member of the document with its path."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield f"{path}.{name}", inner
            yield from members(inner, f"{path}.{name}")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from members(inner, f"{path}[{number}]")


def panels() -> list[dict[str, Any]]:
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def expressions() -> list[str]:
    asked = [target["expr"] for panel in panels() for target in panel["targets"]]
    return asked + [variable["definition"] for variable in dashboard()["templating"]["list"] if variable["type"] == "query"]


@pytest.mark.parametrize("expression", expressions())
def test_every_metric_and_label_exists(expression: str) -> None:
    assert list(selectors(expression)), "asks for none of our metrics"
    # Grafana puts its own text in before Prometheus sees it.
    assert not mistakes(re.sub(r"\$__rate_interval|\$\w+", "x", expression))


def test_every_metric_of_ours_is_shown_somewhere() -> None:
    asked = {selector.name for expression in expressions() for selector in selectors(expression)}
    unseen = {name for name in series() if name not in asked and not name.endswith(("_sum", "_count"))}
    assert not unseen, f"nobody would look at these: {sorted(unseen)}"


def test_no_data_source_and_no_identity_is_written_in() -> None:
    for path, value in members(dashboard()):
        if path.endswith(".uid"):
            assert value == "${datasource}", path
        if path.endswith(".datasource"):
            assert value == {"type": "prometheus", "uid": "${datasource}"}, path
    assert not {"uid", "id", "version", "iteration"} & set(dashboard())


def test_panels_have_their_own_place_number_unit_and_sentence() -> None:
    numbers = [panel["id"] for panel in dashboard()["panels"]]
    assert len(numbers) == len(set(numbers))
    taken: set[tuple[int, int]] = set()
    for panel in dashboard()["panels"]:
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
        assert place["x"] + place["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells
    for panel in panels():
        assert panel["description"], panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]


def test_variables_are_those_that_panels_use() -> None:
    declared = {variable["name"] for variable in dashboard()["templating"]["list"]}
    used = set(re.findall(r"\$\{?([a-z]+)\b", DASHBOARD.read_text(encoding="utf-8")))
    assert used == declared
