"""zfile behind the dialect port: one profile compiled into codec, rules and translation.

Owns `FileDialect` and the kit that `protocols.dialects` lists. It must never read a file. The trap: everything that can be
wrong with a profile must be found here, at start, with its path.
"""

from __future__ import annotations

from collections.abc import Callable

from protocols.characters.text import Characters
from protocols.dialect import Dialogue
from protocols.errors import LocalMisuse
from protocols.vocabulary import Answer, Received, Refusal, Reply, Request
from protocols.zengin.file.dialogue import FileDialogue
from protocols.zengin.file.profile import FileProfile, with_secrets
from protocols.zengin.file.rules import LinkRules
from protocols.zengin.file.translate import compile_to_request, to_reply


class FileDialect:
    """Fulfils protocols.dialect.Dialect. `rules` are shared by every link of the listener."""

    name = "zengin-file"
    answers_on_new_link = False  # a record's answer belongs to the link that asked; the next link asks again
    refusal_ends_message = False

    def __init__(self, profile: FileProfile, wall_ms: Callable[[], int]) -> None:
        for rule in profile.files:
            Characters(rule.format.characters)  # raises for places that cannot be
        self.profile = profile
        self.rules = LinkRules(profile, wall_ms)
        for rule in profile.files:
            longest = max(self.rules.record_lengths(rule))
            if longest > profile.text_bytes_max:
                raise LocalMisuse(f"{profile.text_bytes_max} bytes hold no record of {rule.name} ({longest})", "text_bytes_max")
        self._to_request = compile_to_request(profile)

    def new_dialogue(self) -> Dialogue:
        return FileDialogue(self.rules)

    def to_request(self, message: object, received: Received) -> Request | Refusal:
        return self._to_request(message, received)

    def to_reply(self, message: object, answer: Answer, wall_ms: int) -> Reply:
        return to_reply(message, answer, wall_ms)


class FileKit:
    """Fulfils protocols.dialect.DialectKit."""

    name = "zengin-file"
    why_silent = (
        "a file transfer is a session of many telegrams, and one of them is no conversation. To send a file to the relay: the "
        "station in docs/protocol-zengin-files.md; to have the relay send one: relay outbound post"
    )

    @property
    def profile_model(self) -> type:
        return FileProfile

    def build(self, profile: object, read_text: Callable[[str], str], wall_ms: Callable[[], int]) -> FileDialect:
        if not isinstance(profile, FileProfile):
            raise LocalMisuse("a FileProfile", "profile")
        return FileDialect(with_secrets(profile, read_text), wall_ms)


ZENGIN_FILE = FileKit()
