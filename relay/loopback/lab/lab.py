"""The lab as a whole: up, fail, heal, status, down.

Owns the order in which things are made, and what is written down about cuts. It must never know a scenario: tests/live/lab
plays those. The traps: `up` leaves everything running and ends, so whatever is needed later is in the folder; and `up` that
fails in the middle takes away what it made before it says why.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from relay.clock import SystemClock
from relay.loopback.lab import cuts, databases, guard, names, routing, secretsmade
from relay.loopback.lab.cast import sites
from relay.loopback.lab.centers import configuration
from relay.loopback.lab.crowd import CrowdStatus, crowd_socket
from relay.loopback.lab.door import Door, LabError, has_netem, postgresql, why_not
from relay.loopback.lab.hotline import Nothing, ask
from relay.loopback.lab.laying import Command, lay, wires
from relay.loopback.lab.regions import FIRST_EPOCH, RegionsStatus, socket_path
from relay.loopback.lab.registry import Made, folder_of, lives, started
from relay.loopback.lab.relays import Relay
from relay.loopback.lab.topology import CENTERS, DISTANCE_MS, ROUTER, Topology, two_centers
from relay.region.record import RegionRecord, format_record

PATIENCE_S = 120.0  # five databases are made and everybody signs on in a quarter of it, where nothing else is to be done
LOOK_S = 0.05
ROOT = Path(__file__).resolve().parents[3]
BFD_MS = 300
FIRST = ("nice", "-n", "-15")
NAMED, KNOTD = "bind", "knot"


class Plan(msgspec.Struct, frozen=True):
    """What a lab was laid with. `has_guard`: it goes when the process that made it does."""

    distance_ms: float = DISTANCE_MS
    loss: float = 0.0
    bfd_ms: int = BFD_MS
    has_netem: bool = False
    has_guard: bool = False


def pause() -> None:
    select.select([], [], [], LOOK_S)


def until(holds: Callable[[], bool], what: Callable[[], str], patience_s: float = PATIENCE_S) -> None:
    """Look again and again. Raises LabError with what was waited for in vain."""
    clock = SystemClock()
    end_ms = clock.monotonic_ms() + patience_s * 1_000
    while not holds():
        if clock.monotonic_ms() > end_ms:
            raise LabError(f"waited {patience_s:.0f} s in vain: {what()}")
        pause()


class Lab:
    """`name` tells labs apart that are on one machine at a time."""

    def __init__(self, name: str = "lab") -> None:
        self.name = name
        self.folder = folder_of(name)
        self.door = Door(name, self.folder)
        self.relays = {city: Relay(self.folder, city) for city in CENTERS}
        self._guard: subprocess.Popen[bytes] | None = None

    # ---- up --------------------------------------------------------------------------------------------------------------
    def up(self, plan: Plan, say: Callable[[str], None] = lambda text: None) -> None:
        """Everything, until both centers are announced. Raises LabError; then nothing is left."""
        if why := why_not():
            raise LabError(f"this machine cannot have a lab: {why}.")
        if any(lives(made) for made in self.door.registry.of("owner")):
            raise LabError(f"the lab {self.name} is being laid by somebody else, or belongs to somebody.")
        if self.folder.exists():
            if self.door.process("relay-tokyo") or self.door.process("relay-osaka"):
                raise LabError(f"the lab {self.name} is up.", "`relay lab status`, or `relay lab down` first.")
            self.down()
        self.folder.mkdir(mode=0o755)
        try:
            self._up(msgspec.structs.replace(plan, has_netem=has_netem()), say)
        except BaseException:
            if not os.environ.get("RELAY_LAB_KEEP"):
                self.down()
            raise

    def _up(self, plan: Plan, say: Callable[[str], None]) -> None:
        if plan.has_guard:
            self.door.registry.note(Made("owner", "", os.getpid(), started(os.getpid())))
            self._guard = guard.watch(self.name)
        (self.folder / "plan.json").write_bytes(msgspec.json.encode(plan))
        topology = self.topology
        say("network")
        for command in lay(self.name, topology, plan.has_netem):
            if command.words[:3] == ("ip", "netns", "add"):
                self.door.make_namespace(command.words[3].removeprefix(f"{self.name}-"))
            else:
                self.door.run(command)
        if wires(topology) and not plan.has_netem:
            self._python("wires", "", "relay.loopback.lab.wire", self.name, str(plan.distance_ms), str(plan.loss))
        say("databases, regions, name servers, routing")
        needed = sites()
        made = secretsmade.make(self.door, {k: v for site, _ in needed for k, v in site.credentials.items()})
        with ThreadPoolExecutor(4) as pool:
            jobs = [pool.submit(self._databases), pool.submit(self._regions_and_names, made)]
            jobs.append(pool.submit(self._routing, topology, plan.bfd_ms))
            for job in jobs:
                job.result()
        say("relays")
        for city in CENTERS:
            folder = self.folder / city
            for site, _ in needed:
                for name, text in site.files.items():
                    (folder / name).parent.mkdir(exist_ok=True)
                    (folder / name).write_text(text)
            text = configuration(city, str(folder), str(self._bird_socket(f"{city}-center")), [text for _, text in needed])
            (folder / "relay.toml").write_text(text)
        self.relay_program("tokyo", "lease", "init", str(self.folder / "tokyo" / "relay.toml"))
        for city in CENTERS:
            self.start_relay(city)
        for city in CENTERS:
            self.until_serving(city)
        for city in CENTERS:
            self.until_role(city, "standby", "holding")

    def start_crowd(self) -> None:
        """Fake peers of every dialect, signed on at whoever serves, their doors still closed."""
        self._python("crowd", "", "relay.loopback.lab.crowd", self.name)
        self._until_answers(lambda: self.crowd(), "crowd")
        until(lambda: all(row.present >= row.expected for row in self.crowd().rows), lambda: f"all present: {self.crowd()}")

    # ---- its parts -------------------------------------------------------------------------------------------------------
    @property
    def plan(self) -> Plan:
        """Raises LabError where there is no lab."""
        try:
            return msgspec.json.decode((self.folder / "plan.json").read_bytes(), type=Plan)
        except OSError:
            raise LabError(f"there is no lab {self.name}.", "`relay lab up` makes one.") from None

    @property
    def topology(self) -> Topology:
        plan = self.plan
        return two_centers(plan.distance_ms, plan.loss)

    def _python(self, note: str, node: str, module: str, *arguments: str) -> int:
        """What stands for other machines goes before the relays, or a busy machine would make a slow core of a busy relay."""
        environment = {"PYTHONPATH": str(ROOT)}
        words = [*FIRST, sys.executable, "-m", module, *arguments]
        return self.door.spawn(note, node, words, environment=environment)

    def relay_program(self, city: str, *words: str) -> str:
        """`relay ...`, as typed on a center's host; what it printed."""
        told = ["env", f"PYTHONPATH={ROOT}", sys.executable, "-m", "relay", *words]
        return self.door.run(Command(tuple(told), f"{city}-center"))

    def start_relay(self, city: str) -> None:
        environment = {"PYTHONPATH": str(ROOT)}
        config = str(self.folder / city / "relay.toml")
        words = [sys.executable, "-m", "relay", "run", config]
        self.door.spawn(f"relay-{city}", f"{city}-center", words, environment=environment)

    def until_serving(self, city: str) -> None:
        def serves() -> bool:
            if self.door.process(f"relay-{city}") is None:
                raise LabError(f"the relay of {city} ended while starting:\n{self.door.log(f'relay-{city}')}")
            try:
                return self.relays[city].status().state == "serving"
            except LabError:
                return False

        until(serves, lambda: f"the relay of {city} serves:\n{self.door.log(f'relay-{city}')}")

    def until_role(self, city: str, *roles: str) -> None:
        def has() -> bool:
            try:
                announced = self.relays[city].announced()
            except LabError:
                return False
            return announced.role in roles and announced.seen == announced.role and not announced.problem

        until(has, lambda: f"{city} is {' or '.join(roles)}: {self.relays[city].announced()}")

    def _databases(self) -> None:
        with ThreadPoolExecutor(3) as pool:
            for each in (False, True):
                some = [server for server in databases.servers() if bool(server.copy_of) is each]
                for job in [pool.submit(self.make_database, server) for server in some]:
                    job.result()
        for city in CENTERS:
            self.until_says(f"journal-{city}", databases.STREAMING, "1")

    def make_database(self, server: databases.Server) -> None:
        """Its data anew, whatever was there; and start it."""
        folder = self.folder / server.name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        self.door.run(Command(("chown", databases.OWNER, str(folder))))
        data = str(folder / "data")
        words = databases.making(str(postgresql()), server, data)
        self.door.run(Command(tuple(words), server.node), databases.OWNER)
        if not server.copy_of:
            with (folder / "data" / "postgresql.conf").open("a") as file:
                file.write(databases.SETTINGS)
            (folder / "data" / "pg_hba.conf").write_text(databases.ACCESS)
        self.start_database(server.name)
        if not server.copy_of:
            for database, statement in databases.first_statements():
                self.ask_database(server.name, statement, database)

    def start_database(self, name: str) -> None:
        """And wait until it answers."""
        server = databases.server(name)
        folder = str(self.folder / name)
        self.door.spawn(name, server.node, databases.serving(str(postgresql()), server, folder), databases.OWNER)

        self.until_says(name, "SELECT 1", "1")

    def until_says(self, name: str, question: str, wanted: str) -> None:
        """Wait until a server answers so."""

        def says() -> bool:
            try:
                return self.ask_database(name, question, "postgres") == wanted
            except LabError:
                return False

        until(says, lambda: f"{name} says {wanted} to {question}:\n{self.door.log(name)}")

    def ask_database(self, name: str, statement: str, database: str = databases.DATABASE) -> str:
        server = databases.server(name)
        words = databases.asking(server, str(self.folder / name), statement, database)
        return self.door.run(Command(tuple(words))).strip()

    def _regions_and_names(self, made: secretsmade.Secrets) -> None:
        self._python("regions", "", "relay.loopback.lab.regions", self.name)
        zone = names.zone(self.record_text(FIRST_EPOCH, CENTERS[0]), CENTERS[0])
        for server, city in ((NAMED, "tokyo"), (KNOTD, "osaka")):
            folder = self.folder / server
            (folder / "db").mkdir(parents=True)
            (folder / "zone").write_text(zone)
            if server == NAMED:
                (folder / "conf").write_text(names.bind(str(folder), made.update))
                words = ["named", "-g", "-c", str(folder / "conf"), "-X", "none"]
            else:
                (folder / "conf").write_text(names.knot(str(folder), made.update))
                words = ["knotd", "-c", str(folder / "conf")]
            self.door.spawn(server, f"{city}-region", words)
        self._until_answers(self.regions, "regions")

    def record_text(self, epoch: int, region: str, run: str = "drill") -> str:
        """The signed record, as the name servers have it."""
        key = bytes.fromhex(secretsmade.Secrets.of(self.folder).region_mac)
        return format_record(RegionRecord(epoch, region, run), names.RECORD, key)

    def _routing(self, topology: Topology, bfd_ms: int) -> None:
        texts = {ROUTER: routing.router(topology, str(self.folder / f"bird-{ROUTER}.log"), bfd_ms)}
        for city in CENTERS:
            node = f"{city}-center"
            texts[node] = routing.center(topology, city, str(self.folder / f"bird-{node}.log"), bfd_ms)
        for node, text in texts.items():
            path = self.folder / f"bird-{node}.conf"
            path.write_text(text)
            self.door.run(Command(("bird", "-p", "-c", str(path)), node))
            self.start_bird(node)

    def start_bird(self, node: str) -> None:
        path = self.folder / f"bird-{node}.conf"
        words = [*FIRST, "bird", "-f", "-c", str(path), "-s", str(self._bird_socket(node)), "-P", f"{path}.pid"]
        self.door.spawn(f"bird-{node}", node, words)

    def _bird_socket(self, node: str) -> Path:
        return self.folder / f"bird-{node}.ctl"

    def _until_answers(self, question: Callable[[], object], note: str) -> None:
        def answers() -> bool:
            if self.door.process(note) is None:
                raise LabError(f"{note} ended while starting:\n{self.door.log(note)}")
            try:
                question()
            except LabError:
                return False
            return True

        until(answers, lambda: f"{note} answers:\n{self.door.log(note)}")

    # ---- what is asked ---------------------------------------------------------------------------------------------------
    def regions(self, do: str = "status", args: msgspec.Struct | None = None) -> RegionsStatus:
        return ask(socket_path(self.folder), do, Nothing() if args is None else args, RegionsStatus)

    def crowd(self) -> CrowdStatus:
        return ask(crowd_socket(self.folder), "status", Nothing(), CrowdStatus)

    def crowd_does(self, what: str) -> None:
        """`open` the doors, `mark` a moment."""
        ask(crowd_socket(self.folder), what, Nothing(), Nothing)

    def open_doors(self) -> None:
        self.crowd_does("open")

    def rows(self) -> tuple[list[list[str]], bool]:
        """What `relay lab status` prints, and whether all of it is well."""
        is_well = not self.what_is_cut()
        rows = []
        for made in dict.fromkeys(note.name for note in self.door.registry.of("process")):
            living = self.door.process(made)
            is_well = is_well and living is not None
            rows.append(["process", made, f"pid {living.pid}, {living.note or 'here'}" if living else "DEAD"])
        for city, relay in self.relays.items():
            try:
                status, announced, region = relay.status(), relay.announced(), relay.region()
                told = f"{status.state}, {announced.role}: {announced.why}; region {region.region} epoch {region.epoch}"
                told += f"; pair {status.pair.finding}, core calls {status.pair.way}; {status.links} links"
            except LabError as error:
                told, is_well = error.problem, False
            rows.append(["center", city, told])
        regions = self.regions()
        for row in regions.rows:
            role = "primary" if row.city == regions.primary else "standby" if row.city == regions.standby else "left"
            rows.append(["region", row.city, f"{role}, {row.state} in epoch {row.epoch}, {row.entries} entries"])
        rows.append(["copy", "", f"lag {regions.lag_ms} ms, {regions.behind} commits behind, {regions.lost} lost"])
        if self.door.process("crowd"):
            for each in self.crowd().rows:
                told = f"{each.present} of {each.expected} {each.peers}; {each.requests} asked, {each.approved} approved, "
                told += f"{each.declined} declined, {each.refused} refused, {each.doubted} in doubt, {each.timed_out} no reply"
                rows.append(["terminals", each.name, told])
        return rows, is_well

    # ---- fail and heal ---------------------------------------------------------------------------------------------------
    def what_is_cut(self) -> list[cuts.Cut]:
        path = self.folder / "cuts.json"
        return msgspec.json.decode(path.read_bytes(), type=list[cuts.Cut]) if path.exists() else []

    def fail(self, *some: cuts.Cut) -> None:
        """All of them at once, or nearly: one rule after the other."""
        self._cut([*(kept for kept in self.what_is_cut() if not any(cuts.same(kept, new) for new in some)), *some])

    def heal(self, *some: cuts.Cut) -> bool:
        """False where none of them was cut. Without any: everything is healed."""
        before = self.what_is_cut()
        after = [kept for kept in before if some and not any(cuts.same(kept, healed) for healed in some)]
        self._cut(after)
        return len(after) < len(before)

    def _cut(self, wanted: list[cuts.Cut]) -> None:
        (self.folder / "cuts.json").write_bytes(msgspec.json.encode(wanted))  # first: `heal` must know of half a cut
        changed = list(cuts.rules(self.topology, wanted))
        with ThreadPoolExecutor(len(changed)) as pool:
            for job in [pool.submit(self.door.run, command) for command in changed]:
                job.result()

    def kill(self, note: str) -> bool:
        return self.door.signal(note, signal.SIGKILL)

    def stop(self, note: str) -> bool:
        """It stands still until it is woken."""
        return self.door.signal(note, signal.SIGSTOP)

    def wake(self, note: str) -> bool:
        return self.door.signal(note, signal.SIGCONT)

    # ---- down ------------------------------------------------------------------------------------------------------------
    def down(self) -> list[str]:
        """Everything away, however much of it there is. What it was."""
        said = self.door.take_away() if self.folder.exists() else []
        if self._guard is not None:
            self._guard.communicate()  # it hears the end, finds nothing, and ends
            self._guard = None
        return said
