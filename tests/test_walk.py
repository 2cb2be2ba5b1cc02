"""The walk in the README is the way that a withdrawal really takes: real parts, every call recorded, the order compared."""

import re
import sys
from pathlib import Path
from queue import Queue
from random import Random
from types import FrameType

from protocols.framing import FrameCutter, Framing, wrap
from protocols.iso8583.codec import compile_codec
from protocols.iso8583.spec import load_spec
from relay.journal.sqlite import SqliteJournal
from relay.loopback.core import FakeCore
from relay.loopback.faults import FaultInjector
from relay.settings import JournalSettings
from relay.telemetry.metrics import Metrics
from tests.simulation.coreside import Region, SimulatedDoor
from tests.simulation.lines import Lines
from tests.simulation.relayside import SimulatedRelay
from tests.simulation.virtualloop import VirtualLoop
from tests.support.isolink import withdrawal
from tests.support.virtualtime import VirtualTime

ROOT = Path(__file__).parents[1]
ROW = re.compile(r"^\| (\d+) \| (.+?) \| (.+?) \|", re.MULTILINE)


def walk_of_readme() -> list[tuple[str, str]]:
    """(file, function) of each step, in the README's order."""
    text = (ROOT / "README.md").read_text().split("## The walk")[1].split("\n## ")[0]
    steps: list[tuple[str, str]] = []
    for _, files, functions in ROW.findall(text):
        steps += zip(re.findall(r"`(.+?)`", files), re.findall(r"`(.+?)`", functions), strict=True)
    return steps


def test_the_walk_is_at_most_ten_steps() -> None:
    text = (ROOT / "README.md").read_text().split("## The walk")[1].split("\n## ")[0]
    assert 8 <= len(ROW.findall(text)) <= 10


def _relay(time: VirtualTime, journal: SqliteJournal) -> SimulatedRelay:
    door = SimulatedDoor(time, Random(1), FakeCore(), FaultInjector(), Region(Random(1)))
    return SimulatedRelay(time, Random(1), journal, door, Lines(["atm"]), VirtualLoop(time, Random(1)))


def test_a_withdrawal_walks_as_the_readme_says(tmp_path: Path) -> None:
    time = VirtualTime()
    to_loop: Queue[object] = Queue()
    journal = SqliteJournal.open(
        JournalSettings(path=str(tmp_path / "journal.sqlite")),
        bytes(range(32)),
        call_soon_threadsafe=to_loop.put,
        clock=time,
        metrics=Metrics(),
    )
    relay = _relay(time, journal)
    codec = compile_codec(load_spec("1987", "ascii"))
    framing = Framing.named("ascii4")
    heard: list[str] = []
    cutter = FrameCutter(framing)
    pipe = relay.connect(
        "atm", "10.0.0.1", lambda data: heard.extend(codec.decode(f.body).mti for f in cutter.feed(data)), lambda: None
    )

    def until(count: int) -> None:
        for _ in range(200):
            time.run(20)
            if len(heard) >= count:
                return
            if not to_loop.empty() or journal.waiting_count():
                to_loop.get(timeout=20)()  # type: ignore[operator]  # what the writer thread hands to the loop
        raise AssertionError(f"heard only {heard}")

    time.run(200)
    while relay.region.permit() is None:
        to_loop.get(timeout=20)()  # type: ignore[operator]
    sign_on = codec.encode(withdrawal("0800", dict.fromkeys((2, 3, 4, 12, 13, 14, 32, 37, 42, 49)) | {70: "001"}))
    pipe.send(wrap(framing, sign_on))
    until(1)

    wanted = walk_of_readme()
    seen: list[tuple[str, str]] = []

    def record(frame: FrameType, event: str, argument: object) -> None:
        if event != "call":
            return
        code = frame.f_code
        for file, function in wanted:
            if (
                code.co_filename.endswith("/" + file)
                and (code.co_qualname == function or code.co_qualname.endswith("." + function))
                and (file, function) not in seen
            ):
                seen.append((file, function))

    pipe.send(wrap(framing, codec.encode(withdrawal())))
    sys.setprofile(record)
    try:
        until(2)
    finally:
        sys.setprofile(None)
    journal.close()
    assert heard == ["0810", "0210"]
    assert seen == wanted
