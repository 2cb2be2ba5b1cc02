"""One figure of a metrics page, without reading the page.

Owns `sampled`. The registry's own `get_sample_value` collects every metric there is for one of them, which a simulated history
that looks at each end of a life feels.
"""

from __future__ import annotations

from collections.abc import Mapping

from relay.telemetry.metrics import Metrics


def sampled(metrics: Metrics, name: str, labels: Mapping[str, str] | None = None) -> float:
    """The sample called `name` with exactly these labels; 0 where there is none."""
    wanted = {} if labels is None else dict(labels)
    for metric in metrics.registry.restricted_registry([name]).collect():
        for sample in metric.samples:
            if sample.name == name and sample.labels == wanted:
                return sample.value
    return 0.0
