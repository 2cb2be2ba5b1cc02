"""Every dialect end to end through the daemon, beside the bare pipe, in interleaved rounds; and the table of it.

Owns the rounds of the dialects but ISO 8583, whose rounds are the bench's first, and the figures of all five. A message is
what the core is asked for once: for NDC a request with its reply and status, for a branch a request with its answer and
完了確認, for the RC line a telegram with its logical ACK, for files a record. The bare pipe passes one frame and one call.
"""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median

from tests.bench.dialects import FAR_ENDS
from tests.bench.processes import LOAD_CORE, Process, start_core, start_relay

Rounds = dict[str, list[dict[str, float]]]
WARMUP_S = 0.5
# Dialect -> names in the codec's figures of the parse and the build of its main message.
PARSED = {"ndc": ("ndc_parse_us", "ndc_build_us"), "zrc": ("zengin_parse_us", "zengin_build_us")}


def load(name: str, port: int, core_port: int, gateway: Process, seconds: float) -> dict[str, float]:
    """One round of one dialect, until the core has been asked for all of it. Adds `per_cpu_s` of the gateway."""
    words = ["-m", "tests.bench.dialects", name, str(port), str(core_port), str(seconds), str(WARMUP_S)]
    far_end = Process(words, LOAD_CORE)
    far_end.line()  # "counting"
    before = gateway.cpu_s()
    far_end.line()  # "counted"
    used_s = gateway.cpu_s() - before
    line = far_end.line()
    far_end.end()
    if not line:
        raise RuntimeError(f"the far end of {name} gave up: this measures nothing")
    answer: dict[str, float] = json.loads(line)
    if answer["refused"] or not answer["count"]:
        raise RuntimeError(f"{name}: {answer['refused']:.0f} of {answer['count']:.0f} were refused: this measures nothing")
    return answer | {"per_cpu_s": answer["count"] / used_s if used_s else 0.0}


def round_of(name: str, directory: Path, seconds: float) -> dict[str, float]:
    """A round with processes of its own."""
    core, core_port = start_core()
    try:
        relay, port = start_relay(core_port, directory, links=FAR_ENDS[name].links)
        try:
            return load(name, port, core_port, relay, seconds)
        finally:
            relay.end()
    finally:
        core.end()


def figures(rounds: Rounds, bare: list[dict[str, float]], iso8583: list[dict[str, float]]) -> dict[str, dict[str, float]]:
    """Per dialect: messages per second, and as a ratio of the bare pipe's, per second of CPU and of the clock."""
    bare_cpu, bare_wall = (median(one[name] for one in bare) for name in ("per_cpu_s", "per_s"))
    found = {}
    for name, given in {"iso8583": iso8583, **rounds}.items():
        per_s, per_cpu_s = (median(one[key] for one in given) for key in ("per_s", "per_cpu_s"))
        found[name] = {
            "per_s": per_s,
            "cpu_us_per_message": 1e6 / per_cpu_s,
            "vs_bare_pipe": per_cpu_s / bare_cpu,
            "wall_vs_bare_pipe": per_s / bare_wall,
        }
    return found


def with_codec(
    found: dict[str, dict[str, float]], iso8583: list[dict[str, float]], others: Rounds
) -> dict[str, dict[str, float]]:
    """The same with microseconds per parse and build of each dialect's main message. The RC line's stand in the codec's."""
    sources = {"iso8583": iso8583, "zrc": iso8583, **others}
    return {
        name: row
        | {
            key: median(one[source] for one in sources[name])
            for key, source in zip(("parse_us", "build_us"), PARSED.get(name, ("parse_us", "build_us")), strict=True)
        }
        for name, row in found.items()
    }


def table(found: dict[str, dict[str, float]]) -> list[str]:
    """Lines of the table for people."""
    lines = [
        "| dialect | messages/s | of the bare pipe, by CPU | by clock | CPU us per message | parse us | build us |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, row in found.items():
        lines.append(
            f"| {name} | {row['per_s']:.0f} | {row['vs_bare_pipe']:.3f} | {row['wall_vs_bare_pipe']:.3f} "
            f"| {row['cpu_us_per_message']:.0f} | {row['parse_us']:.1f} | {row['build_us']:.1f} |"
        )
    return lines
