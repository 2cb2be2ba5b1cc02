"""`relay run`: load the configuration, then hand over to the daemon."""

from __future__ import annotations

import argparse

from relay.configfile import load

NAME = "run"
HELP = "run the relay with a configuration file"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", metavar="CONFIG", help="TOML file; `relay check CONFIG` shows what is wrong with it")


def run(args: argparse.Namespace) -> int:
    settings = load(args.config)
    from relay.daemon import run as run_daemon  # the reactor and all that follows: only once the settings are right

    return int(run_daemon(settings, args.config))
