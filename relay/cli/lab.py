"""`relay lab`: two relay centers and two regions in network namespaces of this machine, to break and to heal.

Owns the words typed and the rows printed. It must never lay a cable itself (relay/loopback/lab does). The trap: what `up`
made stays until `down`, whatever becomes of this process; so `down` works without asking anybody.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import get_args

from relay.cli.labaccounts import make_accounts
from relay.cli.screen import GREEN, RED, YELLOW, Paint, safe, table
from relay.errors import ConfigurationError
from relay.loopback.lab.cuts import DIRECTIONS, Cut, read
from relay.loopback.lab.door import LabError
from relay.loopback.lab.drill import Blow, Drill
from relay.loopback.lab.drillconsoles import SPEAKERS, code
from relay.loopback.lab.drillpeople import say
from relay.loopback.lab.drillplan import PEOPLE, person, socket_of
from relay.loopback.lab.drillplay import guide, lines_of, mend, play, same_record
from relay.loopback.lab.lab import BFD_MS, ROOT, Lab, Plan
from relay.loopback.lab.registry import labs
from relay.loopback.lab.switching import copy_again, set_lag, switch
from relay.loopback.lab.takeovers import give_back, lose, lost, take_over
from relay.loopback.lab.topology import CENTERS, DISTANCE_MS

NAME = "lab"
HELP = "two centers and two regions on this machine: up, status, fail, heal, switch, take-over, drill, down"
EXIT_WELL, EXIT_ILL = 0, 2
THINGS = ("link", "node", "zone", "names", "relay", "center")
LAG_MS_MAX = 3_600_000
SAID_BY_NOBODY = ("status", "report", "check", "serve", "seal-code", "authenticator")  # words of relay failover without --who


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--name", default="lab", help="of the lab, where several are up (default: lab)")
    what = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    up = what.add_parser("up", help="make it", description="Network, databases, name servers, routing, regions, relays.")
    up.add_argument("--no-traffic", action="store_true", help="no fake terminals")
    share, wide = _from_to(0.0, 0.5), _from_to(0.0, 1_000.0)
    distance = f"one way between Tokyo and Osaka (default: {DISTANCE_MS:g})"
    up.add_argument("--distance", type=wide, default=DISTANCE_MS, metavar="MS", help=distance)
    up.add_argument("--loss", type=share, default=0.0, metavar="SHARE", help="of frames between them (default: 0)")
    up.add_argument(
        "--bfd",
        type=_whole_from_to(50, 10_000),
        default=BFD_MS,
        metavar="MS",
        help=f"interval of BFD, times three (default: {BFD_MS})",
    )
    what.add_parser("status", help="who lives, what is cut, who serves", description="Who lives, what is cut, who serves.")
    for word, text in (("fail", "break something"), ("heal", "mend it; everything without a name")):
        deed = what.add_parser(word, help=text, description=f"{text[0].upper()}{text[1:]}.")
        mark = "?" if word == "heal" else None
        deed.add_argument("thing", choices=THINGS, nargs=mark, help="what kind of thing")
        name = "a:b, a node, REGION:1 to 3, a region, or a city"
        deed.add_argument("which", metavar="NAME", nargs=mark, help=name)
        if word == "fail":
            deed.add_argument("--direction", choices=DIRECTIONS, default="both", help="of a link or node (default: both)")
            deed.add_argument("--how", choices=("kill", "stop"), default="kill", help="of a relay (default: kill)")
    lag = what.add_parser("lag", help="how far the copy of the ledger is behind", description="Sets the copy's lag.")
    lag.add_argument("ms", type=_whole_from_to(0, LAG_MS_MAX), metavar="MS", help="milliseconds")
    moving = what.add_parser("switch", help="seal, promote, change DNS", description="Plays a failover of the region.")
    moving.add_argument("region", choices=CENTERS, help="the new one")
    drill = what.add_parser(
        "drill", help="a failover run with real actions", description="Loses a region, and plays the people."
    )
    drill.add_argument("--lose", choices=CENTERS, default="", metavar="REGION", help="which region (default: the active one)")
    blows = ", ".join(get_args(Blow))
    drill.add_argument("--blow", choices=get_args(Blow), default="region", metavar="WHAT", help=f"what is gone: {blows}")
    drill.add_argument("--think", type=wide, default=4.0, metavar="S", help="how long each person looks (default: 4)")
    drill.add_argument("--by-hand", action="store_true", help="only prepare: people lose the region, declare and approve")
    drill.add_argument("--report", metavar="FILE", help="the report of the run, as a page")
    one = what.add_parser("person", help="say something in a drill", description="`relay failover` as a person of the drill.")
    one.add_argument("who", choices=[each.name for each in PEOPLE], help="who says it")
    one.add_argument("--at", choices=CENTERS, default="", help="whose orchestrator (default: beside the standby)")
    one.add_argument("words", nargs=argparse.REMAINDER, metavar="WORDS", help="of relay failover; --who is added")
    told = "at a console, what their telephone shows"
    phone = what.add_parser("code", help="the code of a person of the drill", description=f"The code of a person: {told}.")
    phone.add_argument("who", choices=[each.name for each in PEOPLE], help="whose")
    what.add_parser("copy", help="the lost region copies again", description="After a switch: the other region is the copy.")
    for word, text in (
        ("take-over", "the other center takes a lost one over"),
        ("give-back", "it comes back, empty, and gets its journal"),
    ):
        deed = what.add_parser(
            word, help=text, description=f"{text[0].upper()}{text[1:]}: `relay takeover`, and the databases."
        )
        deed.add_argument("center", choices=CENTERS, help="the one that is lost")
    what.add_parser("down", help="take it away", description="Takes everything away, also what a killed lab has left.")
    parser.epilog = "Exit code: 0 done, 1 not possible, 2 `status`: something of it is cut or dead. docs/lab.md"


def run(args: argparse.Namespace) -> int:
    try:
        lab = Lab(args.name)
        folder = lab.folder
    except ValueError as error:
        raise ConfigurationError(f"--name {error}.") from error
    if args.what == "down":
        print(", ".join(lab.down()) or f"there was no lab at {folder}")
        return EXIT_WELL
    if args.what == "up":
        return _up(lab, args)
    lab.plan  # noqa: B018 (raises where there is none)
    if args.what == "status":
        return _status(lab)
    if args.what in ("fail", "heal"):
        _break(lab, args)
    elif args.what == "take-over":
        take_over(lab, args.center, _say)
    elif args.what == "give-back":
        give_back(lab, args.center, _say)
    elif args.what == "lag":
        set_lag(lab, args.ms)
    elif args.what == "copy":
        copy_again(lab)
        same_record(lab)
    elif args.what == "drill":
        return _drill(lab, args)
    elif args.what == "person":
        return _person(lab, args)
    elif args.what == "code":
        print(code(lab, person(args.who)))
    else:
        switch(lab, args.region, say=_say)
    return EXIT_WELL


def _up(lab: Lab, args: argparse.Namespace) -> int:
    if others := [name for name in labs() if name != lab.name]:
        _say(f"also here: {', '.join(others)}")
    lab.up(Plan(distance_ms=args.distance, loss=args.loss, bfd_ms=args.bfd), _say)
    if not args.no_traffic:
        _say("terminals")
        lab.start_crowd()
        lab.open_doors()
    print(f"up, in {lab.folder}; relay lab status, fail, heal, switch, down")
    return EXIT_WELL


def _break(lab: Lab, args: argparse.Namespace) -> None:
    if args.what == "heal" and args.thing is None:
        _heal_all(lab)
        return
    if args.which is None:
        raise ConfigurationError(f"heal {args.thing}: which?")
    if args.thing in ("relay", "center"):
        if args.which not in CENTERS:
            raise ConfigurationError(f"there is no {args.thing} {args.which}; there are {', '.join(CENTERS)}.")
        if args.thing == "relay":
            _relay(lab, args)
        elif args.what == "heal":
            raise ConfigurationError("a lost center's disks are gone.", f"relay lab take-over {args.which}, then give-back.")
        else:
            lose(lab, args.which)
        return
    try:
        cut: Cut = read(lab.topology, args.thing, args.which, getattr(args, "direction", "both"))
    except ValueError as error:
        raise ConfigurationError(f"{error}.") from error
    if args.what == "fail":
        lab.fail(cut)
    elif not lab.heal(cut):
        raise LabError(f"{cut} was not cut.", "`relay lab status` shows what is.")


def _heal_all(lab: Lab) -> None:
    """A center that is lost, or taken over, has its own way back."""
    lab.heal()
    gone = lost(lab)
    for city in CENTERS:
        if city != gone:
            _mend_relay(lab, city)


def _mend_relay(lab: Lab, city: str) -> None:
    if not lab.wake(f"relay-{city}"):
        lab.start_relay(city)
        lab.until_serving(city)


def _relay(lab: Lab, args: argparse.Namespace) -> None:
    note = f"relay-{args.which}"
    if args.what == "heal":
        _mend_relay(lab, args.which)
    elif not (lab.stop(note) if args.how == "stop" else lab.kill(note)):
        raise LabError(f"the relay of {args.which} is dead already.", f"relay lab heal relay {args.which} starts it.")


def _status(lab: Lab) -> int:
    paint = Paint.for_stream(sys.stdout)
    rows, is_well = lab.rows()
    print("\n".join(table([[safe(cell) for cell in row] for row in rows])))
    for cut in lab.what_is_cut():
        print(paint(RED, f"cut: {cut}"))
    print(paint(GREEN if is_well else YELLOW, "all of it lives" if is_well else "something is cut or dead"))
    return EXIT_WELL if is_well else EXIT_ILL


def _drill(lab: Lab, args: argparse.Namespace) -> int:
    if lab.door.process("crowd") is None:
        raise LabError("there is nobody at the terminals.", "`relay lab up` without --no-traffic: a drill needs customers.")
    drill = Drill(lab, args.lose, args.think, _say, speakers=SPEAKERS, blow=args.blow)
    if args.by_hand:
        make_accounts(lab)
        drill.prepare()
        print("\n".join(guide(drill)))
        return EXIT_WELL
    outcome = play(drill)
    if args.report:
        try:
            Path(args.report).write_text(drill.report("html"), encoding="utf-8")
        except OSError as error:
            raise ConfigurationError(f"{args.report} cannot be written: {error.strerror}.") from error
    mend(drill)
    print("\n".join(lines_of(outcome)))
    return EXIT_ILL if outcome.wrong else EXIT_WELL


def _person(lab: Lab, args: argparse.Namespace) -> int:
    status = lab.regions()
    center = args.at or status.standby or status.primary
    one = person(args.who)
    said = say(str(ROOT), one, socket_of(str(lab.folder), center), *signed(one.name, args.words))
    print("\n".join(safe(line) for line in said.text.splitlines()))
    return said.code  # of relay failover itself: one of two has signed is neither done nor refused


def signed(name: str, words: list[str]) -> list[str]:
    """Somebody who types another's name has typed it, and hears what becomes of that."""
    has_name = any(word == "--who" or word.startswith("--who=") for word in words)
    return words if has_name or not words or words[0] in SAID_BY_NOBODY else [*words, "--who", name]


def _say(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)


def _from_to(least: float, most: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = most + 1
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{text}: expected {least:g} to {most:g}")
        return value

    return read


def _whole_from_to(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = most + 1
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{text}: expected {least} to {most}, without a fraction")
        return value

    return read
