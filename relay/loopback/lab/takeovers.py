"""A center that is lost for good, in the lab: lost with its disks, taken over by the other one, given its journal back.

Owns the order of the steps, as docs/takeover.md has them, and their times. It must never decide that a center is lost, nor do
what the relay itself does: the fence, the promotion and the adoption are `relay takeover`'s. The traps: a host without power
says nothing any more, no FIN and no reset, so its cables are cut before its processes die; and a center comes back with empty
disks, or it would find the journal that was adopted elsewhere.
"""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable
from functools import partial

import msgspec

from relay.clock import SystemClock
from relay.loopback.lab import cuts, databases
from relay.loopback.lab.door import LabError
from relay.loopback.lab.lab import Lab, until
from relay.loopback.lab.relays import Takeover
from relay.loopback.lab.topology import CENTERS, peer_of

SIGNED = ("--who", "Sato", "--second", "Suzuki", "--why", "drill")
ENDED_S = 180.0  # what the core does not know is asked for twenty times before it goes to a person
Say = Callable[[str], None]


class TakenOver(msgspec.Struct, frozen=True, kw_only=True):
    """Milliseconds. `adopted_ms`: from `begin`, at `began_ms` of the wall clock, to the durable state `adopted`, by the heir's
    own record. `open_count` was open when it was at work."""

    began_ms: int
    adopted_ms: int
    open_count: int


class GivenBack(msgspec.Struct, frozen=True, kw_only=True):
    """Milliseconds. `copied_ms`: both copies built anew; `finish_ms`: from `finish` to `returned`; `moved_ms`: the primary
    moved to its own center, and its relay serves."""

    copied_ms: int
    finish_ms: int
    moved_ms: int


def is_lost(lab: Lab, city: str) -> bool:
    """Whether the center's journal is on no disk of its own."""
    return not (lab.folder / f"journal-{city}" / "data").exists()


def lost(lab: Lab) -> str:
    """The center that is on no disk, or whose journal is at work at the other one; "" where each has its own."""
    for city in CENTERS:
        report = _of(lab, peer_of(city))
        if is_lost(lab, city) or (report.center == city and report.state == "adopted"):
            return city
    return ""


def lose(lab: Lab, city: str) -> int:
    """The center's host, its network and its disks, all at once; how many processes died. Safe to repeat."""
    node = f"{city}-center"
    lab.fail(_node(lab, city))
    count = lab.door.kill_all(node)
    for server in databases.servers():
        if server.node == node:
            shutil.rmtree(lab.folder / server.name, ignore_errors=True)
    return count


def take_over(lab: Lab, dead: str, say: Say = lambda text: None) -> TakenOver:
    """By the other center, on two people's word. Returns when the journal is at work there. Raises LabError."""
    heir = peer_of(dead)
    lab.relay_program(heir, "takeover", "--config", _config(lab, heir), "begin", dead, *SIGNED)
    say(f"{heir} takes {dead} over")
    until(lambda: _of(lab, heir).is_at_work, lambda: _words(lab, heir))
    report = _of(lab, heir)
    begun_ms = report.began.at_ms
    done = TakenOver(began_ms=begun_ms, adopted_ms=report.changed_ms - begun_ms, open_count=report.open_count)
    say(f"{heir} has the journal of {dead} at work: adopted {done.adopted_ms} ms after begin, {done.open_count} open")
    return done


def give_back(lab: Lab, city: str, say: Say = lambda text: None) -> GivenBack:
    """The lost center comes back with empty disks, gets its journal, and its relay starts. Raises LabError."""
    heir, now_ms = peer_of(city), SystemClock().monotonic_ms
    report = _of(lab, heir)
    if report.center != city or not (report.is_at_work or report.state == "returned"):
        said = f"says {report.state}" if report.state else "does not answer"
        raise LabError(f"nobody has taken {city} over: {heir} {said}.", f"relay lab take-over {city}")
    lose(lab, city)  # also where it was only cut off: what is on its disks is superseded
    lab.heal(_node(lab, city))
    begun_ms = now_ms()
    lab.start_bird(f"{city}-center")
    lab.make_database(databases.server(f"standby-{heir}"))
    lab.make_database(databases.copying(city, f"standby-{city}"))
    lab.until_says(f"journal-{heir}", databases.STREAMING, "1")
    lab.until_says(f"standby-{city}", databases.CAUGHT_UP, "1")
    say(f"{city} has copies of both journals")
    copied_ms = now_ms()
    _finish(lab, heir)
    say(f"{heir} has closed the journal of {city}")
    returned_ms = now_ms()
    _move_primary(lab, city)
    say(f"{city} has its primary again")
    lab.start_relay(city)
    lab.until_serving(city)
    until(lambda: _of(lab, city).own == "clear", lambda: _words(lab, city))
    return GivenBack(copied_ms=copied_ms - begun_ms, finish_ms=returned_ms - copied_ms, moved_ms=now_ms() - returned_ms)


def _finish(lab: Lab, heir: str) -> None:
    """What a terminal says meanwhile about an old message may open it once more: then it is said again."""

    def is_closing() -> bool:
        if _of(lab, heir).open_count:
            return False
        try:
            lab.relay_program(heir, "takeover", "--config", _config(lab, heir), "finish", *SIGNED)
        except LabError:
            if not _of(lab, heir).open_count:
                raise
            return False
        return True

    until(is_closing, lambda: _words(lab, heir), ENDED_S)
    until(lambda: _of(lab, heir).state == "returned", lambda: _words(lab, heir))


def _move_primary(lab: Lab, city: str) -> None:
    """A planned switch-over: the server at the heir ends cleanly, which its copy hears to the last byte; then that one writes,
    and is copied crosswise as before."""
    there = f"standby-{city}"
    lab.until_says(there, databases.CAUGHT_UP, "1")  # its end waits for a copy that is there, not for one that was cut off
    lab.door.signal(there, signal.SIGINT)
    until(partial(_is_gone, lab, there), lambda: lab.door.log(there))
    if lab.ask_database(f"journal-{city}", databases.PROMOTE, "postgres") != "t":
        raise LabError(f"journal-{city} was not promoted.", f"{lab.folder}/journal-{city}.log")
    lab.make_database(databases.server(there))
    lab.until_says(f"journal-{city}", databases.CAUGHT_UP, "1")


def _is_gone(lab: Lab, note: str) -> bool:
    return lab.door.process(note) is None


def _node(lab: Lab, city: str) -> cuts.Cut:
    return cuts.read(lab.topology, "node", f"{city}-center")


def _config(lab: Lab, city: str) -> str:
    return str(lab.folder / city / "relay.toml")


def _of(lab: Lab, city: str) -> Takeover:
    """Without a word of its own where that relay does not answer just now."""
    try:
        return lab.relays[city].takeover()
    except LabError:
        return Takeover()


def _words(lab: Lab, city: str) -> str:
    return f"{city}: {_of(lab, city)}\n{lab.door.log(f'relay-{city}')}"
