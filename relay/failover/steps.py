"""One step of a run: observe, write the intent, act, observe, write the end.

Owns that order and its waiting. It must never decide which step is next. The traps: a look that fails is no "not there";
after an intent whose end nobody knows the effect may still be on its way, so nothing is asked a second time before
`settle_s` of looking has passed; what an act returns is a remark, and only a look ends a step; and between two awaits
people may have held or aborted the run, so the last question before the intent is whether it may still be written.
"""

from __future__ import annotations

import asyncio
from typing import Final, Literal

import msgspec

from relay.clock import Clock
from relay.errors import ConfigurationError
from relay.failover.actions.port import Action, ActionFailed, ActionRefused, Look, Scene, Sight, Workshop
from relay.failover.decide import RunStep
from relay.failover.deeds import changes_something
from relay.failover.events import Finished, Held, Intended, Observed
from relay.failover.keeper import Keeper, Superseded
from relay.failover.peer import Copier
from relay.failover.plan import Step
from relay.telemetry.log import get_log

_log = get_log("failover")
LOOK_EVERY_MS: Final = 1_000
LOOK_MS_MAX: Final = 15_000  # one look
DETAIL_CHARS_MAX: Final = 400


class Remark(msgspec.Struct, frozen=True):
    """What an act said of itself. `is_refused`: it surely had no effect."""

    text: str
    is_refused: bool = False


class StepWorker:
    """Args: `center` is this orchestrator's own. Raises what `Keeper.write` and `Copier.flush` raise; never what an action
    does."""

    def __init__(self, keeper: Keeper, copier: Copier, workshop: Workshop, clock: Clock, center: str) -> None:
        self._keeper = keeper
        self._copier = copier
        self._workshop = workshop
        self._clock = clock
        self._center = center

    async def perform(self, move: RunStep) -> None:
        step = self._keeper.run.known_plan.named(move.step)
        try:
            action = self._workshop.action(step.name, move.is_undo)
        except ConfigurationError as error:  # no credential: it fails as any other, so that a second way is tried
            self._end(move, Look(Sight.FAILED, f"{error.problem} {error.next_step}".strip()), "found")
            return
        until_ms = self._clock.monotonic_ms() + step.timeout_s * 1_000
        if not await self._is_to_act(step, move, action, until_ms):
            return
        until_ms = self._clock.monotonic_ms() + step.timeout_s * 1_000
        remark = await self._act(step, move, action, until_ms)
        if remark is not None:
            await self._watch(step, move, action, until_ms, remark)

    # ---- before ------------------------------------------------------------------------------------------------------
    async def _is_to_act(self, step: Step, move: RunStep, action: Action, until_ms: int) -> bool:
        """Look until it is there, has failed, or is surely absent; True in the last case only."""
        standing = self._keeper.run.standing(step.name, move.is_undo)
        acts = changes_something(step.do) or move.is_undo
        settled_ms = self._clock.monotonic_ms() + (step.settle_s * 1_000 if standing.is_open else 0)
        until_ms = max(until_ms, settled_ms + LOOK_MS_MAX)
        told = ""
        while True:
            look = await self._look_first(step, move, action, until_ms)
            if look.sight is not told:
                told = look.sight
                self._keeper.write(_observed(move, "before", look))
            if look.sight in (Sight.DONE, Sight.FAILED):
                self._end(move, look, "done" if standing.is_open else "found")
                return False
            now_ms = self._clock.monotonic_ms()
            if look.sight is Sight.ABSENT and acts and now_ms >= settled_ms:
                return True
            if now_ms >= until_ms:
                self._end(move, Look(Sight.FAILED, f"not seen within {step.timeout_s} s: {look.sight} {look.detail}"), "found")
                return False
            if not standing.is_open and self._is_stopped(move):
                return False
            await asyncio.sleep(LOOK_EVERY_MS / 1_000)

    async def _look_first(self, step: Step, move: RunStep, action: Action, until_ms: int) -> Look:
        """The look on which nothing is asked twice; the mutation of the simulation makes it blind."""
        return await self._look(step, move, action, until_ms)

    async def _look(self, step: Step, move: RunStep, action: Action, until_ms: int) -> Look:
        left_ms = max(100, min(LOOK_MS_MAX, until_ms - self._clock.monotonic_ms()))
        try:
            async with asyncio.timeout(left_ms / 1_000):
                look = await action.observe(self._scene(step, move))
        except TimeoutError:
            return Look(Sight.UNKNOWN, f"no answer within {left_ms} ms")
        except (ActionFailed, OSError) as error:
            return Look(Sight.UNKNOWN, _words(error))
        except ConfigurationError as error:
            return Look(Sight.UNKNOWN, error.problem)
        except Exception as error:  # noqa: BLE001  a plug-in's mistake is no answer, and must not take the run down
            _log.exception("an action cannot look", step=step.name)
            return Look(Sight.UNKNOWN, f"{type(error).__name__} in the action")
        return look

    # ---- the act -----------------------------------------------------------------------------------------------------
    async def _act(self, step: Step, move: RunStep, action: Action, until_ms: int) -> Remark | None:
        """None where it was not begun; else what it said of itself."""
        keeper = self._keeper
        await self._copier.flush()  # the peer is heard before the intent says whether it has a copy
        if keeper.run.why_not_intend(step, move.is_undo) or self._is_alone(step, move):
            return None
        standing = keeper.run.standing(step.name, move.is_undo)
        keeper.write(
            Intended(
                step=step.name,
                attempt=standing.attempts + 1,
                token=keeper.run.token(step.name, move.is_undo),
                is_undo=move.is_undo,
                is_alone=keeper.run.is_peer_away,
            )
        )
        await self._copier.flush()
        if self._is_alone(step, move) or self._has_met_another(move):
            return None  # the copy was lost between: people are asked, and the next try looks first
        if keeper.is_superseded:
            raise Superseded("another orchestrator has taken the run between an intent and its act.", "It looks first.")
        left_ms = max(1_000, until_ms - self._clock.monotonic_ms())
        try:
            async with asyncio.timeout(left_ms / 1_000):
                scene = self._scene(step, move)
                remark = Remark(await (action.compensate(scene) if move.is_undo else action.act(scene)))
        except TimeoutError:
            remark = Remark(f"no answer within {left_ms} ms")
        except ActionRefused as error:
            remark = Remark(_words(error), is_refused=True)
        except (ActionFailed, OSError) as error:
            remark = Remark(_words(error))
        except Exception as error:  # noqa: BLE001  see _look
            _log.exception("an action failed by a mistake of its own", step=step.name)
            remark = Remark(f"{type(error).__name__} in the action")
        _log.info("step acted", step=step.name, undo=move.is_undo, said=remark.text)
        return remark

    def _is_alone(self, step: Step, move: RunStep) -> bool:
        """What cannot be taken back is not done with the peer away, unless the gate was passed on evidence that said so (not
        on newer evidence, which nobody who approved has seen), or two people say so now."""
        run = self._keeper.run
        if step.reversible or move.is_undo or not run.is_peer_away or "alone" in run.said:
            return False
        if run.was_passed_alone:
            return False
        if not run.held:
            why = f"the peer center went away before {step.name}: two people say whether to go on alone ({self._copier.why})"
            self._keeper.write(Held(why=why[:DETAIL_CHARS_MAX]))
        return True

    def _has_met_another(self, move: RunStep) -> bool:
        """The peer has another log than this one, or wants another run kept: the run is held, and this was not begun."""
        is_met = self._copier.is_diverged or bool(self._keeper.met)
        return is_met and not move.is_undo and "alone" not in self._keeper.run.said

    # ---- after -------------------------------------------------------------------------------------------------------
    async def _watch(self, step: Step, move: RunStep, action: Action, until_ms: int, remark: Remark) -> None:
        told = ""
        while True:
            look = await self._look(step, move, action, until_ms)
            if look.sight is not told:
                told = look.sight
                self._keeper.write(_observed(move, "after", look))
            if look.sight in (Sight.DONE, Sight.FAILED):
                self._end(move, look, "done")
                return
            is_late = self._clock.monotonic_ms() >= until_ms
            if is_late or (remark.is_refused and look.sight is Sight.ABSENT):
                self._end(move, Look(Sight.FAILED, f"{look.sight} {look.detail}; it said: {remark.text}"), "done")
                return
            await asyncio.sleep(LOOK_EVERY_MS / 1_000)

    def _end(self, move: RunStep, look: Look, how: str) -> None:
        ended: Literal["done", "found"] = "found" if how == "found" else "done"
        result: Literal["done", "found", "failed"] = "failed" if look.sight is Sight.FAILED else ended
        self._keeper.write(Finished(step=move.step, result=result, detail=look.detail[:DETAIL_CHARS_MAX], is_undo=move.is_undo))

    def _is_stopped(self, move: RunStep) -> bool:
        """Held, or on the way back, while nothing was begun."""
        run = self._keeper.run
        return bool(run.held) or bool(run.why_not_now(run.known_plan.named(move.step), move.is_undo))

    def _scene(self, step: Step, move: RunStep) -> Scene:
        run = self._keeper.run
        ticks = run.ticks.get((step.name, move.is_undo), {})
        return Scene(
            run=run.run_id,
            step=step.name,
            token=run.token(step.name, move.is_undo),
            old_epoch=run.epoch,
            epoch=run.new_epoch,
            from_region=run.known_plan.from_region,
            to_region=run.known_plan.to_region,
            center=self._center,
            is_undo=move.is_undo,
            why=f"failover run {run.run_id}, step {step.name}",
            ticks=tuple(ticks.values()),
        )


def _observed(move: RunStep, when: str, look: Look) -> Observed:
    return Observed(
        step=move.step,
        when="before" if when == "before" else "after",
        sight=look.sight.value,
        detail=look.detail[:DETAIL_CHARS_MAX],
        is_undo=move.is_undo,
    )


def _words(error: Exception) -> str:
    return (str(error) or type(error).__name__)[:DETAIL_CHARS_MAX]
