"""The relay's own errors, each with the sentence the operator reads and the step to take next.

Owns the family `RelayError`; an outcome that can happen in normal operation is a value, not an exception here.
"""

from __future__ import annotations


class RelayError(Exception):
    """`problem` says what is wrong, `next_step` what the operator does about it."""

    exit_code = 1

    def __init__(self, problem: str, next_step: str = "") -> None:
        super().__init__(f"{problem} {next_step}".strip())
        self.problem = problem
        self.next_step = next_step


class ConfigurationError(RelayError):
    """The configuration cannot be used as it is."""

    exit_code = 2


class JournalUnusable(RelayError):
    """The journal cannot be opened: corrupt, from a newer version, locked by another relay, or its key is missing."""

    exit_code = 3


class ListenFailed(RelayError):
    """A listener could not bind its address."""

    exit_code = 4
