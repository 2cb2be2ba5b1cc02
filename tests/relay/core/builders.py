"""Values that many tests of the core floor need: one request, one attempt, one permit, and a client on a scripted door."""

from __future__ import annotations

import msgspec

from protocols.vocabulary import CardData, DoubtPolicy, MessageClass, Money, Pan, Request, Secret
from relay.core import contract as c
from relay.core.balance import Balance, BalanceRules
from relay.core.client import ClientSettings, CoreClient
from relay.core.port import Attempt, Permit
from relay.telemetry.metrics import Metrics
from tests.support.scripteddoor import DoorCall, ScriptedDoor
from tests.support.virtualtime import VirtualTime

KEY = "bank/ATM00042/000123"
ATTEMPT = Attempt("tokyo", 7, 4711)
PERMIT = Permit(8, "tokyo")
IPS = ("10.0.0.1", "10.0.0.2", "10.0.0.3")


def withdrawal(key: str = KEY, yen: int = 30_000, terminal: str = "ATM00042") -> Request:
    return Request(
        key=key,
        message_class=MessageClass.FINANCIAL,
        kind="withdrawal",
        doubt_policy=DoubtPolicy.UNDO,
        channel="atm",
        realm="bank",
        terminal=terminal,
        acquirer="000001",
        fingerprint_text=Secret("x"),
        trace="000123",
        business_date="2026-11-24",
        amount=Money(yen, "JPY"),
        card=CardData(pan=Pan("4000001234567899"), expiry="2912"),
    )


class Bench:
    """A CoreClient with three addresses, virtual time and a scripted door."""

    def __init__(
        self, ips: tuple[str, ...] = IPS, settings: ClientSettings | None = None, bearer: Secret | None = None
    ) -> None:
        self.door = ScriptedDoor()
        self.time = VirtualTime()
        self.metrics = Metrics()
        self.balance = Balance(BalanceRules())
        self.ratchet = 8
        self.wrong_regions: list[int] = []  # how many results were out when it was told
        self.client = CoreClient(
            settings or ClientSettings("core.test", 443, True, "tokyo", 7),
            self.door,
            self.balance,
            clock=self.time,
            timers=self.time,
            metrics=self.metrics,
            epoch_floor=lambda: self.ratchet,
            bearer=bearer,
            on_wrong_region=self._count_wrong_region,
        )
        self.client.use_addresses(ips)
        self.results: list[object] = []

    def _count_wrong_region(self) -> None:
        self.wrong_regions.append(len(self.results))

    def submit(self, timeout_ms: int = 4_000, key: str = KEY) -> object:
        """Begin a submit; its outcome lands in `results`. Returns the handle."""
        return self.client.submit(withdrawal(key), ATTEMPT, PERMIT, timeout_ms, self.results.append)

    def count(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0.0


def approve(call: DoorCall, epoch: int = 8, key: str = KEY) -> None:
    answer_with(call, c.TransactionAnswer(key=key, status="approved", authorisation_id="A1B2C3"), epoch=epoch, key=key)


def answer_with(call: DoorCall, body: msgspec.Struct, status: int = 200, epoch: int = 8, key: str = KEY, **more: str) -> None:
    headers = {"region_epoch": str(epoch), "idempotency_key": c.key_field(key), **more}
    call.answer(status, msgspec.json.encode(body), **headers)
