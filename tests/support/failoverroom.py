"""The console's failover room with a real orchestrator's desk behind it: browsers, accounts, a run at an open gate, and people
with authenticators.

Owns the joining of the two worlds. It must never decide. The trap: the console's user id is a service's, so whatever comes
through here is nobody's word without a code, just as on a host.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from protocols.vocabulary import Secret
from relay.console.accounts import account
from relay.console.identity import Role
from relay.control.server import CALLER_UID, Handler
from relay.failover.actions.port import Action
from relay.failover.bankday import BankClock
from relay.failover.codes import STEP_S, Codes, code_at, secret_text
from relay.failover.deeds import Deed
from relay.failover.desk import Desk
from relay.failover.evidence import Evidence
from relay.failover.layaside import LayingAside
from relay.failover.peer import NoPeer
from relay.failover.people import People, Person, SealedCode, hash_code
from relay.failover.plan import Plan
from relay.failover.plancheck import Finding
from relay.failover.planwatch import WatchSettings
from relay.failover.run import Run
from relay.failover.runner import Runner
from relay.orchestrator.handlers import Handlers
from relay.orchestrator.plans import PlanFolder
from relay.orchestrator.watching import Watch
from tests.support.consoleroom import CHEAP, PASSWORD, Browser, ConsoleRoom, WrittenSources
from tests.support.failoverbook import EVIDENCE, Book
from tests.support.failoverworld import sample_plan

CONSOLE_UID = 999
SEALED, SALT = "ABCDE-FGHJK", bytes(range(16))
LOGINS = {"abe": "Abe", "baba": "Baba", "baba2": "Baba", "chiba": "Chiba", "doi": "Doi", "eda": "Eda"}
SECRETS = {name: bytes([number]) * 20 for number, name in enumerate(("Abe", "Baba", "Chiba", "Eda"), 1)}
PEOPLE = People(
    [
        Person(name="Abe", roles=("operations",), logins=("abe",), uids=(1,)),
        Person(name="Baba", roles=("operations", "business"), logins=("baba", "baba2"), uids=(2,)),
        Person(name="Chiba", roles=("business",), logins=("chiba",), uids=(3,)),
        Person(name="Doi", roles=("operations", "business"), logins=("doi",), uids=(4,)),
        Person(name="Eda", roles=("operations",), logins=("eda",), uids=(5,)),
    ],
    [SealedCode(name="envelope-1", salt=SALT.hex(), hash=hash_code(SEALED, SALT))],
    speakers=[CONSOLE_UID],
)


class RoomSources(WrittenSources):
    """As of a relay beside an orchestrator whose commands are `handlers`."""

    def __init__(self, handlers: Mapping[str, Handler]) -> None:
        super().__init__()
        self._handlers = handlers

    async def ask(self, command: str, args: msgspec.Struct) -> msgspec.Struct:
        if command not in self._handlers:
            return await super().ask(command, args)
        self.asked.append((command, args))
        CALLER_UID.set(CONSOLE_UID)
        made = self._handlers[command](args)
        return made if isinstance(made, msgspec.Struct) else await made


async def _examined(plan: Plan) -> tuple[Finding, ...]:
    return ()


class NoShop:
    """No step is begun here."""

    def action(self, step: str, is_undo: bool) -> Action:
        raise AssertionError(step)

    def make(self, deed: Deed) -> Action:
        raise AssertionError(deed)


async def _evidence() -> Evidence:
    return EVIDENCE


class FailoverRoom:
    """A run at gate `gate` that Abe declared; 0: none. `pages`: how people were called."""

    def __init__(self, directory: Path, *, gate: int = 1) -> None:
        self.book = book = Book()
        if gate:
            book.to_gate(gate)
        self.time, self.pages = book.time, list[str]()
        folder = directory / "plans"
        folder.mkdir()
        (folder / "unplanned.toml").write_text(sample_plan(), encoding="utf-8")
        (folder / "broken.toml").write_text("[plan]\n", encoding="utf-8")
        runner = Runner(
            book.keeper,
            NoPeer(),
            NoShop(),
            _evidence,
            lambda text, how: self.pages.append(text),
            center="tokyo",
            clock=self.time,
            day=BankClock(),
        )
        runner.may_act = True
        self.used: dict[str, int] = {}
        codes = Codes({name: Secret(secret_text(key)) for name, key in SECRETS.items()}, {}, self.used.update)
        desk = Desk(runner, PEOPLE, NoPeer(), _evidence, self.time, "tokyo")
        plans = PlanFolder(str(folder))
        watch = Watch(
            book.keeper,
            plans,
            _evidence,
            NoShop().make,
            self.time,
            center="tokyo",
            folder=str(folder),
            settings=WatchSettings(),
        )
        laying = LayingAside(book.keeper, PEOPLE, NoPeer(), desk.cosigning, self.time, runner.page)
        handlers = Handlers(
            runner, desk, self.time, "tokyo", _evidence, NoShop().make, plans, _examined, watch, PEOPLE, codes, laying
        )
        self.console = ConsoleRoom(directory)
        self.console.time = self.time
        self.console.sources = RoomSources(handlers.all())
        for login in LOGINS:
            self.console.accounts[login] = account(login, Role.OPERATOR, Secret(PASSWORD), 0, CHEAP)
        self.console.write()
        self.console.restart(has_failover=True)

    @property
    def run(self) -> Run:
        return self.book.run

    async def browser(self, login: str) -> Browser:
        made = self.console.browser()
        await made.sign_in(login)
        assert made.status == 303
        return made

    def code(self, login: str) -> str:
        """What that person's authenticator shows now; a person whose last one is used waits for the next."""
        name = LOGINS[login]
        step = self.time.wall_ms() // (STEP_S * 1_000)
        while step <= self.used.get(name.casefold(), -1):
            self.time.run(STEP_S * 1_000)
            step = self.time.wall_ms() // (STEP_S * 1_000)
        return code_at(SECRETS[name], step)

    def show(self) -> None:
        """Evidence is taken anew."""
        remark = f"looked at {self.time.wall_ms()}"
        self.book.show(msgspec.structs.replace(EVIDENCE, remarks=(remark, *(one.text for one in self.run.said.values()))))
