"""The PostgreSQL primary dies by kill -9 under load, its synchronous standby is promoted: `python -m tests.bench.failover`
alone, or as part of `make bench`.

Owns one fail-over per round, each on a pair of servers of its own: how long nobody was served (from the last approval that a
far end has heard before, to the first one after), and that nothing was lost or doubled: the ledger against the books of the
far ends of all five dialects. The promotion is asked for at once, so the figure is the relay's and the server's share; what
notices a dead primary, and decides, comes on top of it. The trap: all is on one machine, so a dead primary closes its
connections; a host that vanishes without a word costs `journal.commit_timeout_ms` more.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import pytest

from relay.bridge import spawn
from relay.errors import RelayError
from relay.loopback.load import Load
from relay.loopback.runner import run_loop
from relay.loopback.scenario import Step
from relay.loopback.troublemaker import Troublemaker
from relay.loopback.troupe import Troupe, until
from tests.live.kills import Run, Watcher, on_stage
from tests.support.mortalstage import MortalStage
from tests.support.pgserver import PostgresPair

WARM_APPROVALS = 100  # before the primary dies
AFTER_APPROVALS = 100  # and after the first one on the other server
PATIENCE_S = 60.0
PARTS = ("promoted", "first approval")  # milliseconds after the kill


class FailOver(Troublemaker):
    """Kills the primary once, promotes the standby, and notes when the far ends heard approvals."""

    def __init__(
        self,
        stage: MortalStage,
        troupes: Sequence[Troupe],
        say: Callable[[str], None],
        pair: PostgresPair,
        done: Callable[[], None],
    ) -> None:
        super().__init__(stage, troupes, say)
        self.heard_s: list[float] = []  # when there were more approvals than before, of the running loop's clock
        self.killed_s = self.promoted_s = 0.0
        self._served = [troupe for troupe in troupes if troupe.customer_waits]
        self._pair = pair
        self._done = done

    async def follow(self, steps: Sequence[Step], began_s: float) -> None:
        """`steps` are not used."""
        loop = asyncio.get_running_loop()
        listening = spawn("listening for approvals", self._listen())
        try:
            await self._approvals(WARM_APPROVALS)
            self._open("primary")
            await asyncio.to_thread(self._pair.primary.kill)
            self.killed_s = loop.time()
            await asyncio.to_thread(self._pair.standby.promote)
            self.promoted_s = loop.time()
            await until(lambda: self.heard_s[-1] > self.promoted_s, PATIENCE_S)
            await self._approvals(AFTER_APPROVALS)
        except RelayError as error:
            self._troupes[0].tally.violation(error.problem)
        finally:
            listening.cancel()
            self._done()

    def end(self) -> None:
        super().end()
        self._close("primary")

    def figures(self) -> dict[str, float]:
        """Milliseconds. Raises ValueError where nobody was served again."""
        first_s = next((at for at in self.heard_s if at > self.promoted_s > 0), None)
        if first_s is None:
            raise ValueError("nothing was approved after the promotion")
        last_s = max(at for at in self.heard_s if at < first_s)
        return {
            "without_service_ms": 1_000 * (first_s - last_s),
            "promoted_ms": 1_000 * (self.promoted_s - self.killed_s),
            "first_approval_ms": 1_000 * (first_s - self.killed_s),
        }

    def _count(self) -> int:
        return sum(troupe.tally.approved for troupe in self._served)

    async def _approvals(self, more: int) -> None:
        wanted = self._count() + more
        if not await until(lambda: self._count() >= wanted, PATIENCE_S):
            raise RelayError(f"fewer than {more} approvals in {PATIENCE_S:.0f} s")

    async def _listen(self) -> None:
        count = 0
        while True:
            now = self._count()
            if now > count:
                count = now
                self.heard_s.append(asyncio.get_running_loop().time())
            await asyncio.sleep(0.001)


async def carry_out(directory: Path, pair: PostgresPair, seed: int) -> dict[str, float]:
    """One fail-over under load of all dialects: its times, and what was lost and doubled."""
    journal = f'engine = "postgresql"\ndsn = "{pair.dsn}"\nschema_name = "failover"'
    made: list[FailOver] = []

    def trouble(stage: MortalStage, troupes: Sequence[Troupe], load: Load) -> Troublemaker:
        made.append(FailOver(stage, troupes, Watcher().say, pair, load.stopping.set))
        return made[0]

    report = await on_stage(Run(kills=0, seed=seed, module="relay"), directory, journal, trouble)
    return made[0].figures() | {
        "lost": float(report.lost + report.outbound_lost),
        "doubled": float(report.doubled + report.outbound_doubled),
        "listed": float(report.listed),
        "bad": float(not report.is_good),
        "requests": float(report.requests),
    }


def one(seed: int) -> dict[str, float]:
    """One round on servers of its own."""
    pair = PostgresPair()
    try:
        with tempfile.TemporaryDirectory(prefix="relay-bench-failover-") as name:
            return run_loop(carry_out(Path(name), pair, seed))
    finally:
        pair.remove()


def measure(rounds: int) -> list[dict[str, float]]:
    """None where this machine has no PostgreSQL."""
    found = []
    try:
        for number in range(rounds):
            found.append(one(number + 1))
            last = found[-1]
            print(
                f"  round {number + 1} {last['without_service_ms']:7.0f} ms without service, promoted after"
                f" {last['promoted_ms']:5.0f} ms, lost {last['lost']:.0f}, doubled {last['doubled']:.0f}",
                flush=True,
            )
    except pytest.skip.Exception as missing:
        print(f"  {missing}", flush=True)
    return found


def figures(rounds: list[dict[str, float]]) -> dict[str, float]:
    """Of all rounds: the median and the longest time without service, and everything lost or doubled."""
    spans = [each["without_service_ms"] for each in rounds]
    return {
        "rounds": float(len(rounds)),
        "without_service_ms_p50": median(spans),
        "without_service_ms_max": max(spans),
        "promoted_ms_p50": median(each["promoted_ms"] for each in rounds),
        "first_approval_ms_p50": median(each["first_approval_ms"] for each in rounds),
        "requests": sum(each["requests"] for each in rounds),
        **{name: sum(each[name] for each in rounds) for name in ("lost", "doubled", "bad")},
    }


def draw(path: Path, rounds: list[dict[str, float]]) -> None:
    """A bar for each round: until the standby was promoted, and from there until somebody was served."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "relay"
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 4))
    names = [str(number) for number in range(1, len(rounds) + 1)]
    promoted = [each["promoted_ms"] for each in rounds]
    axes.bar(names, promoted, label="until promoted")
    served = [each["first_approval_ms"] - each["promoted_ms"] for each in rounds]
    axes.bar(names, served, bottom=promoted, label="until the first approval")
    axes.plot(names, [each["without_service_ms"] for each in rounds], "k_", markersize=20, label="without service")
    axes.set_xlabel("fail-over")
    axes.set_ylabel("milliseconds after the primary's kill -9")
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


if __name__ == "__main__":
    print(figures(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 5)))
    sys.exit(0)
