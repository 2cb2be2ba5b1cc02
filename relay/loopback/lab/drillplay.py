"""A whole drill from the blow to the report, and the lab put right afterwards.

Owns the order of a drill that nobody interrupts, and its figures. It must never decide what is good enough. The traps: the
orchestrator's own clock counts all of a gate as people's time, also what a machine made them wait for, so both figures are
given; and a name server that could not be told still has the old record when it is back, and is told what the other one says.
"""

from __future__ import annotations

import asyncio

import msgspec

from relay.core.dns import parse_name_server
from relay.core.zone import ZoneDoor
from relay.failover.rtoclock import ClockView
from relay.failover.view import RunView
from relay.loopback.lab.centers import console_address
from relay.loopback.lab.crowd import Sight, crowd_socket
from relay.loopback.lab.door import LabError, entered
from relay.loopback.lab.drill import Drill, Wait, now_ms
from relay.loopback.lab.drillconsoles import office
from relay.loopback.lab.drillhand import Hand
from relay.loopback.lab.drillplan import DECLARER, at_gate
from relay.loopback.lab.drillworld import twice
from relay.loopback.lab.hotline import Nothing, ask
from relay.loopback.lab.lab import Lab, until
from relay.loopback.lab.laying import namespace
from relay.loopback.lab.names import ALIAS, RECORD
from relay.loopback.lab.relays import Tail
from relay.loopback.lab.secretsmade import Secrets
from relay.loopback.lab.switching import set_lag
from relay.loopback.lab.topology import CENTERS, name_server_of
from relay.loopback.lab.watching import Seen
from relay.loopback.lab.zoneupdate import swap
from relay.region.record import RegionRecord, parse_record

LAG_MS = 300  # of the copy before the blow
LOOK_MS = 5_000  # a name server on a busy machine


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """One drill. Times are milliseconds. `machine_ms`: all from the declaration to the end that is not between a page that
    can be signed and the last word of those who sign it; `clock_machine_ms`: what the orchestrator's clock says, which counts
    the whole of a gate as people's. `noticed_ms`: from the blow until both relays found the region lost. `without_service_ms`:
    the longest that a dialect's customers had no answer of the core. `lives`: of the acting orchestrator. `wrong`: what was
    done before its gate, or not exactly once."""

    run: str
    lost: str
    state: str
    noticed_ms: int
    elapsed_ms: int
    people_ms: int
    machine_ms: int
    clock_machine_ms: int
    prepare_ms: int
    overlap_ms: int
    parts: dict[str, int]
    waits: tuple[Wait, ...]
    without_service_ms: dict[str, int]
    refused: int
    doubted: int
    timed_out: int
    commits_lost: int
    tails: dict[str, Tail] = {}
    lives: int = 1
    lines: int = 0
    wrong: tuple[str, ...] = ()


def play(drill: Drill) -> Outcome:
    """Blow, declaration, three gates, service. Raises LabError."""
    set_lag(drill.lab, LAG_MS)
    drill.prepare()
    lost_before = drill.lab.regions().lost
    begun_ms = now_ms()
    drill.strike()
    drill.until_noticed()
    noticed_ms = now_ms() - begun_ms
    drill.declare()
    drill.call_people()
    for gate in (1, 2, 3):
        drill.pass_gate(gate)
    view = drill.until_state("DONE", "ABORTED")
    return _outcome(drill, view, noticed_ms, drill.lab.regions().lost - lost_before, False)


def play_false_alarm(drill: Drill) -> Outcome:
    """As far as gate 2: there the region is back, and the run is called off."""
    set_lag(drill.lab, LAG_MS)
    drill.prepare()
    begun_ms = now_ms()
    drill.strike()
    drill.until_noticed()
    noticed_ms = now_ms() - begun_ms
    drill.declare()
    drill.pass_gate(1)
    drill.until_state("G2_WAIT")
    drill.lab.heal()
    view = drill.abort()
    set_lag(drill.lab, 0)
    return _outcome(drill, view, noticed_ms, 0, True)


def _outcome(drill: Drill, view: RunView, noticed_ms: int, commits_lost: int, is_aborted: bool) -> Outcome:
    clock = view.clock
    if clock is None:
        raise LabError("the run has no clock: it was not declared.")
    _until_answered(drill.lab)
    rows = sight(drill.lab)
    people_ms = sum(wait.said_ms - wait.ready_ms for wait in drill.waits)
    return Outcome(
        run=view.run,
        lost=drill.lost,
        state=view.state,
        noticed_ms=noticed_ms,
        elapsed_ms=clock.elapsed_ms,
        people_ms=people_ms,
        machine_ms=clock.elapsed_ms - people_ms,
        clock_machine_ms=clock.machine_ms,
        prepare_ms=clock.prepare_ms,
        overlap_ms=clock.overlap_ms,
        parts=_parts(clock),
        waits=tuple(drill.waits),
        without_service_ms={row.name: round(row.pause_ms) for row in rows},
        refused=sum(row.refused for row in rows),
        doubted=sum(row.doubted for row in rows),
        timed_out=sum(row.timed_out for row in rows),
        commits_lost=commits_lost,
        tails={city: drill.lab.relays[city].region().tail for city in CENTERS},
        lives=drill.lives,
        lines=view.log[-1].number if view.log else 0,
        wrong=(*drill.too_early, *twice(drill.done(), drill.ways, is_aborted)),
    )


def _parts(clock: ClockView) -> dict[str, int]:
    return {part.name: part.spent_ms for part in clock.parts}


def sight(lab: Lab) -> tuple[Seen, ...]:
    """What each dialect saw since the blow."""
    return ask(crowd_socket(lab.folder), "sight", Nothing(), Sight).rows


def _until_answered(lab: Lab) -> None:
    """Everybody is there, and was answered once more."""
    first = {row.name: row.answers for row in sight(lab)}

    def is_answered() -> bool:
        rows = sight(lab)
        return all(row.present >= row.expected and row.answers > first[row.name] for row in rows)

    until(is_answered, lambda: f"everybody is answered again: {sight(lab)}")


def mend(drill: Drill) -> None:
    """The lost region is back, copies the one that serves, and its name server says the same as the other one."""
    drill.lab.heal()
    drill.lab.regions("copy")
    set_lag(drill.lab, 0)
    Hand(drill.lab.name).scale("down", drill.lost)  # as large as a standby is
    same_record(drill.lab)


def same_record(lab: Lab) -> None:
    """The name server that has an older record is told what the other one says. Raises LabError."""
    texts = {city: _text(lab, city) for city in CENTERS}
    behind, ahead = sorted(CENTERS, key=lambda city: _record(lab, texts[city]).epoch)
    if texts[behind] == texts[ahead]:
        return
    region = _record(lab, texts[ahead]).region
    with entered(namespace(lab.name, f"{behind}-region")):
        said = swap([name_server_of(behind)], Secrets.of(lab.folder).update, texts[behind], texts[ahead], region)
    if set(said.values()) != {"NOERROR"}:
        raise LabError(f"the name server of {behind} did not take the new record: {said}.")


def _record(lab: Lab, text: str) -> RegionRecord:
    """Raises LabError for one that nobody here has signed."""
    read = parse_record((text.encode(),), RECORD, (bytes.fromhex(Secrets.of(lab.folder).region_mac),))
    if not isinstance(read, RegionRecord):
        raise LabError(f"a name server has a record that is none: {read.value}.")
    return read


def _text(lab: Lab, city: str) -> str:
    """The record as the server of a region has it, asked from inside that region."""
    with entered(namespace(lab.name, f"{city}-region")):
        door = ZoneDoor((parse_name_server(f"{name_server_of(city)}:53"),), RECORD, ALIAS, LOOK_MS)
        answer = asyncio.run(door.look(0))
    if answer.trouble or len(answer.texts) != 1:
        raise LabError(f"the name server of {city} does not say the record: {answer.trouble or answer.texts}.")
    return b"".join(answer.texts[0]).decode("ascii")


# ---- in words ----------------------------------------------------------------------------------------------------------------
def guide(drill: Drill) -> list[str]:
    """What to type, for people who do a drill by hand."""
    lines = [f"prepared: {drill.plan_file}, orchestrators at both centers; {drill.center}'s acts", "in one terminal:"]
    lines += [f"  relay lab fail node {drill.lost}-region"]
    lines += ["in another one, or several; each person has an account of their own:"]
    told = f"declare {drill.plan_file} --role operations --why '...'"
    lines += [f"  relay lab person {DECLARER.name} {told}", f"  relay lab person {DECLARER.name} status"]
    for gate in (1, 2, 3):
        for role in ("operations", "business"):
            one = at_gate(gate, role)
            lines.append(f"  relay lab person {one.name} approve {gate} --seen DIGITS --role {role} --why '...'")
    lines += ["or, until the promotion: relay lab person Ito abort --why '...'"]
    lines += ["or at a console, each under their own name in small letters, with the code of `relay lab code NAME`:"]
    lines += [f"  ip netns exec {office(drill.lab)} chromium --no-sandbox {console_address(drill.center)}"]
    lines += [f"  the password of all of them: {Secrets.of(drill.lab.folder).password}"]
    return [*lines, "afterwards: relay lab heal; relay lab copy"]


def lines_of(outcome: Outcome) -> list[str]:
    """What a drill came to."""
    tails = ", ".join(f"{city} {tail.mended} of {tail.missing}" for city, tail in outcome.tails.items())
    return [
        f"{outcome.run}: {outcome.state}",
        f"noticed after {_s(outcome.noticed_ms)}; declared to the end {_s(outcome.elapsed_ms)}:"
        f" people {_s(outcome.people_ms)}, the machine {_s(outcome.machine_ms)}",
        f"preparation {_s(outcome.prepare_ms)}, of it beside deliberation {_s(outcome.overlap_ms)}",
        ", ".join(f"{name} {_s(ms)}" for name, ms in outcome.parts.items()),
        f"no answer of the core at the ATMs for {_s(outcome.without_service_ms['iso8583'])}",
        f"{outcome.commits_lost} commits lost by the promotion; said again: {tails}",
        *(f"WRONG: {what}" for what in outcome.wrong),
    ]


def _s(ms: int) -> str:
    return f"{ms / 1_000:.1f} s"
