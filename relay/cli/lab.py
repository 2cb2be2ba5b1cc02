"""`relay lab`: two relay centers and two regions in network namespaces of this machine, to break and to heal.

Owns the words typed and the rows printed. It must never lay a cable itself (relay/loopback/lab does). The trap: what `up`
made stays until `down`, whatever becomes of this process; so `down` works without asking anybody.
"""

from __future__ import annotations

import argparse
import sys

from relay.cli.screen import GREEN, RED, YELLOW, Paint, safe, table
from relay.errors import ConfigurationError
from relay.loopback.lab.cuts import DIRECTIONS, Cut, read
from relay.loopback.lab.door import LabError
from relay.loopback.lab.lab import BFD_MS, Lab, Plan
from relay.loopback.lab.registry import labs
from relay.loopback.lab.switching import copy_again, set_lag, switch
from relay.loopback.lab.topology import CENTERS, DISTANCE_MS

NAME = "lab"
HELP = "two centers and two regions on this machine: up, status, fail, heal, switch, down"
EXIT_WELL, EXIT_ILL = 0, 2
THINGS = ("link", "node", "zone", "relay")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--name", default="lab", help="of the lab, where several are up (default: lab)")
    what = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    up = what.add_parser("up", help="make it", description="Network, databases, name servers, routing, regions, relays.")
    up.add_argument("--no-traffic", action="store_true", help="no fake terminals")
    distance = f"one way between Tokyo and Osaka (default: {DISTANCE_MS:g})"
    up.add_argument("--distance", type=_number, default=DISTANCE_MS, metavar="MS", help=distance)
    up.add_argument("--loss", type=_share, default=0.0, metavar="SHARE", help="of frames between them (default: 0)")
    up.add_argument("--bfd", type=_bfd, default=BFD_MS, metavar="MS", help=f"interval of BFD, times three (default: {BFD_MS})")
    what.add_parser("status", help="who lives, what is cut, who serves", description="Who lives, what is cut, who serves.")
    for word, text in (("fail", "break something"), ("heal", "mend it; everything without a name")):
        deed = what.add_parser(word, help=text, description=f"{text[0].upper()}{text[1:]}.")
        mark = "?" if word == "heal" else None
        deed.add_argument("thing", choices=THINGS, nargs=mark, help="what kind of thing")
        name = "a:b, a node, REGION:1 to 3, or a city"
        deed.add_argument("which", metavar="NAME", nargs=mark, help=name)
        if word == "fail":
            deed.add_argument("--direction", choices=DIRECTIONS, default="both", help="of a link or node (default: both)")
            deed.add_argument("--how", choices=("kill", "stop"), default="kill", help="of a relay (default: kill)")
    lag = what.add_parser("lag", help="how far the copy of the ledger is behind", description="Sets the copy's lag.")
    lag.add_argument("ms", type=int, metavar="MS", help="milliseconds")
    moving = what.add_parser("switch", help="seal, promote, change DNS", description="Plays a failover of the region.")
    moving.add_argument("region", choices=CENTERS, help="the new one")
    what.add_parser("copy", help="the lost region copies again", description="After a switch: the other region is the copy.")
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
    elif args.what == "lag":
        set_lag(lab, args.ms)
    elif args.what == "copy":
        copy_again(lab)
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
        lab.heal()
        return
    if args.which is None:
        raise ConfigurationError(f"heal {args.thing}: which?")
    if args.thing == "relay":
        if args.which not in CENTERS:
            raise ConfigurationError(f"there is no relay {args.which}; there are {', '.join(CENTERS)}.")
        _relay(lab, args)
        return
    try:
        cut: Cut = read(lab.topology, args.thing, args.which, getattr(args, "direction", "both"))
    except ValueError as error:
        raise ConfigurationError(f"{error}.") from error
    if args.what == "fail":
        lab.fail(cut)
    elif not lab.heal(cut):
        raise LabError(f"{cut} was not cut.", "`relay lab status` shows what is.")


def _relay(lab: Lab, args: argparse.Namespace) -> None:
    note = f"relay-{args.which}"
    if args.what == "heal":
        if not lab.wake(note):
            lab.start_relay(args.which)
            lab.until_serving(args.which)
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


def _say(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)


def _number(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1_000:
        raise argparse.ArgumentTypeError(f"{text}: expected 0 to 1000")
    return value


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 0.5:
        raise argparse.ArgumentTypeError(f"{text}: expected 0 to 0.5")
    return value


def _bfd(text: str) -> int:
    value = int(text)
    if not 50 <= value <= 10_000:
        raise argparse.ArgumentTypeError(f"{text}: expected 50 to 10000")
    return value
