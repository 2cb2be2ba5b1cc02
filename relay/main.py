"""The `relay` command: one subcommand, its errors as sentences, its exit code.

Owns the ways out. It must never know what a subcommand does, `run` excepted: the daemon stands right below this floor. The
traps: an operator's mistake is no traceback; only a mistake of ours is. And importing Twisted's endpoints, which reading a
configuration does, takes systemd's LISTEN_PID and LISTEN_FDS out of the environment, so it is copied before. Somebody waits for
each command, and for a restart after a crash: only what the chosen command needs is imported, with nobody looking for garbage
meanwhile.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from relay.cli.registry import RUN, build_parser
from relay.errors import RelayError

EXIT_INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand. Returns the exit code; wrong usage leaves as SystemExit(2), as argparse does."""
    environment = dict(os.environ)
    words = list(sys.argv[1:] if argv is None else argv)
    chosen = next((word for word in words if not word.startswith("-")), "")
    try:
        with _without_collecting():
            args = build_parser([chosen]).parse_args(words)
            run = _daemon(args.config, environment) if args.command == RUN else partial(args.run, args)
        code = int(run())
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


@contextmanager
def _without_collecting() -> Iterator[None]:
    """A thousand modules are no garbage, and looking through them, again and again, is a tenth of a start."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _daemon(config: str, environment: dict[str, str]) -> Callable[[], int]:
    """The daemon with its settings read and its modules imported, or the supervisor of several."""
    from relay.configfile import load
    from relay.configuration.workers import narrowed, worker_number
    from relay.supervisor import adopt_sockets, supervise

    settings, worker = load(config), worker_number(environment)
    if settings.relay.workers > 1 and not worker:
        return partial(supervise, settings, config, environment)
    if worker:
        adopt_sockets(environment)
    from relay.daemon import run  # the reactor and all that follows: only once the settings are right

    return partial(run, narrowed(settings, worker), config, environment)
