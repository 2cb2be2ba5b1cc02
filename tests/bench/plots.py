"""The bench's rounds as one picture: what each side and each dialect did per second of CPU, and a steady rate's latency."""

from __future__ import annotations

from pathlib import Path

from tests.bench.dialects import FAR_ENDS

Rounds = dict[str, list[dict[str, float]]]


def draw(path: Path, through: Rounds, late: Rounds, calm: Rounds) -> None:
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "relay"
    from matplotlib import pyplot

    figure, (left, middle, right) = pyplot.subplots(1, 3, figsize=(15, 4))
    names = [name for name in through if name not in FAR_ENDS]
    left.boxplot([[one["per_cpu_s"] for one in through[name]] for name in names], tick_labels=names)
    left.set_yscale("log")
    left.set_ylabel("answers per CPU second of the gateway")
    left.set_title("closed loop, 64 terminals")
    dialects = {"bare": through["bare"], "iso8583": through["relay"], **{name: through[name] for name in FAR_ENDS}}
    middle.boxplot([[one["per_cpu_s"] for one in rounds] for rounds in dialects.values()], tick_labels=list(dialects))
    middle.set_yscale("log")
    middle.set_ylabel("messages per CPU second of the gateway")
    middle.set_title("dialects")
    middle.tick_params(axis="x", labelrotation=20)
    rows = [(f"{side} {form}", rounds[side]) for form, rounds in (("2,000/s", late), ("calm", calm)) for side in rounds]
    right.boxplot([[one["p99_ms"] for one in rounds] for _, rounds in rows], tick_labels=[name for name, _ in rows])
    right.set_yscale("log")
    right.set_ylabel("p99, ms")
    right.set_title("steady rate")
    right.tick_params(axis="x", labelrotation=20)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


def draw_journal(path: Path, measured: dict[str, dict[int, dict[str, float]]]) -> None:
    """Durable records per second of each journal engine, by records in flight."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "relay"
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 4))
    for name, flights in measured.items():
        axes.plot(list(flights), [one["per_s"] for one in flights.values()], marker="o", label=name)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("records in flight")
    axes.set_ylabel("durable records per second")
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


def draw_growth(path: Path, measured: dict[str, dict[int, dict[str, float]]]) -> None:
    """Seconds from the first byte to the last open exchange read, by exchanges in the journal."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "relay"
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 4))
    for name, sizes in measured.items():
        axes.plot(list(sizes), [one["open_s"] + one["recovery_s"] for one in sizes.values()], marker="o", label=name)
    axes.axhline(10, color="grey", linestyle="--", label="goal at 10 million")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("exchanges in the journal")
    axes.set_ylabel("opening and recovery, seconds")
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
