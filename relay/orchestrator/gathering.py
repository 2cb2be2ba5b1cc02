"""The snapshot that people are shown at a gate: what both relays say, how far the copy is behind, what people have said.

Owns the gathering. It must never judge, and never raise: what could not be found out stands in the snapshot as that. The
traps: a program that prints no number has said nothing about the lag, and nothing is not zero; and one that ends badly has
called nobody.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Mapping
from typing import Final

from relay.bridge import spawn
from relay.failover.actions.command import CommandAction
from relay.failover.actions.port import ActionFailed, Scene
from relay.failover.deeds import CommandDeed
from relay.failover.evidence import Evidence
from relay.failover.keeper import Keeper
from relay.failover.plan import Phase
from relay.failover.view import steps_of
from relay.orchestrator.relays import BothRelays
from relay.telemetry.log import get_log

_log = get_log("failover")
LAG_S: Final = 10.0
PAGE_S: Final = 30.0


class Gathering:
    def __init__(
        self,
        keeper: Keeper,
        relays: BothRelays,
        centers: tuple[str, ...],
        center: str,
        lag: tuple[str, ...] | None,
        environment: Mapping[str, str],
    ) -> None:
        self._keeper, self._relays, self._centers, self._center = keeper, relays, centers, center
        self._lag, self._environment = lag, environment

    async def take(self) -> Evidence:
        run = self._keeper.run
        region = "" if run.plan is None else run.plan.to_region
        facts = await asyncio.gather(*(self._relays.facts(center) for center in self._centers))
        standby = await self._relays.standby(self._center, region) if region else ""
        lag_ms, remark = await self._lag_of(region)
        said = {topic: one.text for topic, one in run.said.items()}
        return Evidence(
            centers=tuple(facts),
            standby=standby,
            lag_ms=lag_ms,
            is_lag_accepted="accept-loss" in said,
            batch_checkpoint=said.get("batch-checkpoint", ""),
            zengin=said.get("zengin", ""),
            is_peer_away=run.is_peer_away,
            preparation=()
            if run.plan is None
            else tuple((step.name, step.standing) for step in steps_of(run) if step.phase == Phase.PREPARE.value),
            remarks=tuple(text for text in (remark, said.get("remark", ""), *self._laid_aside()) if text),
        )

    def _laid_aside(self) -> list[str]:
        """Who approves sees that another run was declared over by people, and by whom."""
        damaged = self._keeper.records.damaged.values()
        return [
            f"the damaged run {one.run} was laid aside by {one.proof}"[:400] for one in damaged if one.standing == "laid-aside"
        ]

    async def _lag_of(self, region: str) -> tuple[int | None, str]:
        if self._lag is None:
            return None, "nobody measures the lag of the copy: [lag] names no program"
        scene = Scene(
            run=self._keeper.name,
            step="lag",
            token="lag",
            old_epoch=0,
            epoch=0,
            from_region="",
            to_region=region,
            center=self._center,
        )
        deed = CommandDeed(look=self._lag, argv=self._lag)
        try:
            async with asyncio.timeout(LAG_S):
                said = await CommandAction(deed, self._environment).act(scene)
        except (TimeoutError, ActionFailed, OSError) as error:
            return None, f"the lag cannot be measured: {error or 'no answer'}"[:200]
        return (int(said), "") if said.isdecimal() and len(said) < 16 else (None, f"no number of milliseconds: {said[:100]}")


def page_by(argv: tuple[str, ...] | None) -> Callable[[str, str], None]:
    """Calls people: always a line in the log, and the program where there is one. Never waits, never raises."""

    def page(text: str, urgency: str) -> None:
        _log.error("people are called", text=text, urgency=urgency)
        if argv is not None:
            spawn("page", _run(argv, text))

    return page


async def _run(argv: tuple[str, ...], text: str) -> None:
    try:
        child = await asyncio.create_subprocess_exec(*argv, text, stdin=asyncio.subprocess.DEVNULL, start_new_session=True)
    except (OSError, ValueError) as error:
        _log.error("people could not be called by the program", why=str(error))
        return
    why = f"no end within {PAGE_S:.0f} s"
    try:
        async with asyncio.timeout(PAGE_S):
            why = f"exit code {code}" if (code := await child.wait()) else ""
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        await child.wait()
    if why:
        _log.error("people could not be called by the program", why=why)
