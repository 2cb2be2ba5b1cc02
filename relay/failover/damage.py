"""A run log that cannot be read whole, and whether its run is over all the same. Pure.

Owns the judgement. It must never read a file, and never mend one. The traps: a run that may not be over has done things in
the world that nobody has taken back, so it forbids another one until people have looked; the moment in its name, its place in
the folder and the epoch of the relays say nothing about its end (a run that was called off leaves the epoch as it was); the
lines before the damage do, where they reach the end and are this run's; and so do the register, the other center's copy, and
two people who saw these very bytes.
"""

from __future__ import annotations

import contextlib
import hashlib
from typing import Literal

import msgspec

from relay.errors import RelayError
from relay.failover.chain import ChainBroken, whole_part
from relay.failover.events import BrokeGlass, Entry
from relay.failover.logkeys import LogKeys
from relay.failover.register import Register
from relay.failover.run import Run
from relay.failover.states import TERMINAL

ENDS = frozenset(state.name for state in TERMINAL)


class Damaged(msgspec.Struct, frozen=True, kw_only=True):
    """`why` and `next_step`: what is wrong with the log. `digest`: of its bytes as they are, which is what people sign. `lines`
    before the damage are whole, and tell of `state`, `center`, `term`, the moment `last_ms` and the sealed codes `seals`.
    `standing`: over, laid-aside (people say so), or unknown, which forbids a new run; `proof` is whose word that is. `peer`:
    what the other center's log says, where it was heard."""

    run: str
    why: str
    next_step: str = ""
    digest: str = ""
    lines: int = 0
    state: str = ""
    center: str = ""
    term: int = 0
    last_ms: int = 0
    seals: tuple[str, ...] = ()
    standing: Literal["over", "laid-aside", "unknown"] = "unknown"
    proof: str = ""
    peer: str = ""


def damaged(run: str, error: RelayError, data: bytes | None, keys: LogKeys, register: Register) -> Damaged:
    """What `data` (None: it cannot be read at all) still tells, and what is said of its end."""
    part = whole_part(data or b"", keys)
    told = _folded(part.entries)
    is_its_own = told.run_id == run
    seals = tuple(entry.event.seal for entry in part.entries if isinstance(entry.event, BrokeGlass))
    found = Damaged(
        run=run,
        why=error.problem,
        next_step=error.next_step,
        digest=hashlib.sha256(error.problem.encode() if data is None else data).hexdigest(),
        lines=len(part.lines) if is_its_own else 0,
        state=told.state.name if is_its_own else "",
        center=told.center if is_its_own else "",
        term=part.place.term,
        last_ms=part.entries[-1].at_ms if part.entries else 0,
        seals=seals,
    )
    return judged(found, register)


def _folded(entries: tuple[Entry, ...]) -> Run:
    """As far as they go."""
    run = Run()
    with contextlib.suppress(Exception):  # whatever it is: what was told before it stands
        for entry in entries:
            run.apply(entry)
    return run


def judged(found: Damaged, register: Register) -> Damaged:
    """With what the register says of it by now."""
    people, log, peer = register.of(found.run, "people"), register.of(found.run, "log"), register.of(found.run, "peer")
    replace = msgspec.structs.replace
    if people is not None and people.seen == found.digest:
        said = f"{people.who} and {people.second}: {people.why}"
        return replace(found, standing="laid-aside", proof=said)
    if found.state in ENDS:
        return replace(found, standing="over", proof=f"{found.state} in its own lines, of which {found.lines} are whole")
    if log is not None:
        return replace(found, standing="over", proof=f"{log.state} with line {log.lines}, as the register has it")
    if peer is not None:
        return replace(found, standing="over", proof=f"{peer.state} in the other center's copy")
    return found


def why_cut_off(run: str, lines: int, register: Register) -> ChainBroken | None:
    """A log that is whole and not at its end, of a run that was over: it is never gone on with."""
    known = register.of(run, "log") or register.of(run, "peer") or register.of(run, "people")
    if known is None:
        return None
    if known.how == "people":
        problem = f"the run log ends with line {lines} and no end, and {known.who} and {known.second} have laid it aside."
    else:
        problem = f"the run log was cut off: it ends with line {lines}, and the run was over ({known.state})."
    return ChainBroken(problem, "Compare it with the peer center's copy.")
