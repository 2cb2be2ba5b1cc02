"""Which metrics, and which of their labels, a PromQL expression names: enough of the grammar to compare with our own page.

The trap: a histogram is asked for by its `_bucket`, `_sum` and `_count`, which no collector calls so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec
from prometheus_client import Counter, Gauge, Histogram

from relay.orchestrator.gauges import OrchestratorGauges
from relay.telemetry.metrics import Metrics
from relay.telemetry.numbers import Counts, Spreads

_SELECTOR = re.compile(r"\b(?P<name>relay_[a-z0-9_]+)\b(?:\{(?P<matchers>[^}]*)\})?")
_MATCHER = re.compile(r"([a-z_]+)\s*(?:=~|!~|!=|=)")
TARGET_LABELS = {"instance", "job"}  # put there by Prometheus


class Selector(msgspec.Struct, frozen=True):
    name: str
    labels: frozenset[str]


def selectors(expression: str) -> Iterator[Selector]:
    for found in _SELECTOR.finditer(expression):
        yield Selector(found["name"], frozenset(_MATCHER.findall(found["matchers"] or "")))


def series() -> dict[str, set[str]]:
    """Every series name that the relay shows, with its labels, `le` included where there is one."""
    shown: dict[str, set[str]] = {}
    for metric in (*vars(Metrics()).values(), *vars(OrchestratorGauges()).values()):
        if not isinstance(metric, (Counter, Gauge, Histogram, Counts, Spreads)):
            continue
        labels = set(metric.labelnames if isinstance(metric, (Counts, Spreads)) else metric._labelnames)
        name = next(iter(metric.describe())).name
        if isinstance(metric, (Counter, Counts)):
            shown[f"{name}_total"] = labels
        elif isinstance(metric, Gauge):
            shown[name] = labels
        else:
            shown |= {f"{name}_bucket": labels | {"le"}, f"{name}_sum": labels, f"{name}_count": labels}
    return shown


def mistakes(expression: str) -> list[str]:
    """What `expression` asks for that the relay does not show."""
    shown = series()
    wrong = []
    for selector in selectors(expression):
        if selector.name not in shown:
            wrong.append(f"no series {selector.name}")
        else:
            odd = selector.labels - shown[selector.name] - TARGET_LABELS
            wrong += [f"{selector.name} has no label {label}" for label in sorted(odd)]
    return wrong
