"""The picture of a storm. Owns that; it must never measure."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def draw(path: Path, found: dict[str, Any], goal_s: float) -> None:
    """Who is back, and what the door gave, second by second after the new life served."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "relay"
    from matplotlib import pyplot

    figure, left = pyplot.subplots(figsize=(7, 4))
    on_s = found["on_at_s"]
    step = max(1, len(on_s) // 400)
    left.plot(on_s[::step], [(n * step + 1) * 100 / found["terminals"] for n in range(len(on_s[::step]))], label="signed on, %")
    left.axvline(goal_s, color="grey", linestyle="--", label="goal")
    left.set_xlabel("seconds after the new life of the relay served")
    left.set_ylabel(f"percent of {found['terminals']:,} terminals")
    right = left.twinx()
    at_s = [one["at_s"] for one in found["seen"]]
    right.step(at_s, [one["accept_per_s"] for one in found["seen"]], where="post", color="tab:green", label="door, links/s")
    right.plot(at_s, [one["waiting"] for one in found["seen"]], color="tab:orange", label="waiting at the door")
    right.set_ylabel("links per second, links")
    lines = [*left.get_lines(), *right.get_lines()]
    left.legend(lines, [str(line.get_label()) for line in lines], loc="center right")
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
