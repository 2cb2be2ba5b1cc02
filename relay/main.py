"""The `relay` command: one subcommand, its errors as sentences, its exit code.

Owns the ways out. It must never know what a subcommand does, `run` excepted: the daemon stands right below this floor. The
traps: an operator's mistake is no traceback; only a mistake of ours is. And importing Twisted's endpoints, which reading a
configuration does, takes systemd's LISTEN_PID and LISTEN_FDS out of the environment, so it is copied before.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from relay.cli.registry import RUN, build_parser
from relay.errors import RelayError

EXIT_INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand. Returns the exit code; wrong usage leaves as SystemExit(2), as argparse does."""
    environment = dict(os.environ)
    words = list(sys.argv[1:] if argv is None else argv)
    chosen = next((word for word in words if not word.startswith("-")), "")
    try:
        args = build_parser([chosen]).parse_args(words)
        code = _run_daemon(args.config, environment) if args.command == RUN else int(args.run(args))
        sys.stdout.flush()  # here, where a reader that went away is known for what it is
        return code
    except RelayError as error:
        print(f"relay: {error.problem}", file=sys.stderr)
        if error.next_step:
            print(f"       {error.next_step}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # `relay journal search | head`: nobody reads on, which is no error
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _run_daemon(config: str, environment: dict[str, str]) -> int:
    from relay.configfile import load
    from relay.configuration.workers import narrowed, worker_number
    from relay.supervisor import adopt_sockets, supervise

    settings, worker = load(config), worker_number(environment)
    if settings.relay.workers > 1 and not worker:
        return supervise(settings, config, environment)
    if worker:
        adopt_sockets(environment)
    from relay.daemon import run  # the reactor and all that follows: only once the settings are right

    return run(narrowed(settings, worker), config, environment)
