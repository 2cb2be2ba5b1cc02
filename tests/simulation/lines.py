"""The simulated relay's listeners and dialers, one per dialect, written as an operator of each bank would write them.

Owns the configuration text, its secrets and files. It must never know a link. The trap: timers must be short against the time
of a history, and long against its delays, or a history is one long reconnect.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence

from protocols.vocabulary import Secret
from relay.loopback.ndcstates import DEMO_LOAD
from relay.overlays import read_overlay
from relay.settings import DialerSettings, LinkSettings, ListenerSettings
from tests.simulation.banks import PLAIN, Bank
from tests.support.zenginlink import BANK, COMPANY, PASSWORDS

BRANCH_PATIENCE_MS = 4_000  # at most: its terminals wait 5,000
ATM, NDC, BRANCH, FILES, CENTER = 8583, 4001, 5001, 6001, 7001
_SECRETS = "\n".join(f'{name} = "credential:{name}"' for name in PASSWORDS)
TEXT = f"""
[[listener]]
name = "atm"
dialect = "iso8583"
channel = "atm"
endpoint = "tcp:{ATM}"
reply_deadline_ms = @patience
[listener.profile.kinds]
@held

[[listener]]
name = "ndc"
dialect = "ndc"
channel = "atm"
endpoint = "tcp:{NDC}"
reply_deadline_ms = 3000
[listener.profile]
config_id = "0001"
load = "demo-load"
[listener.profile.session]
identify_wait_ms = 200
step_wait_ms = 1500
status_wait_ms = 5000
reply_window_ms = 4000
@held-ndc

[[listener]]
name = "branch"
dialect = "branch-p1"
channel = "branch"
endpoint = "tcp:{BRANCH}"
reply_deadline_ms = @branch-patience
@held-branch

[[listener]]
name = "files"
dialect = "zengin-file"
channel = "partner"
endpoint = "tcp:{FILES}"
[listener.profile]
centre_code = "{BANK}"
text_bytes_max = 2048
send_count = 3
stage_bytes = 16384
progress_records = 20
[[listener.profile.stations]]
name = "COMPANY"
centre_code = "{COMPANY}"
{_SECRETS}
[[listener.profile.files]]
name = "SOUFURI"
access_key = "credential:access-key"
direction = "receive"
same_bytes = "take"
format = {{ formats = ["21"] }}

[[dialer]]
name = "zengin"
dialect = "zrc"
channel = "partner"
endpoint = "tcp:host=10.9.0.1:port={CENTER}"
[dialer.profile.calendar]
service = "always"
utc_offset_minutes = 540
[dialer.profile.session]
closes = "by-hand"
[dialer.profile.timers]
ack_wait_ms = 1500
watch_send_ms = 3000
watch_silence_ms = 9000
open_retry_ms = 500
close_wait_ms = 3000
"""


HELD_NDC = """
[listener.profile.kinds.withdrawal]
doubt = "hold"
completion = true
"""
HELD_BRANCH = """
[listener.profile.operations.01002]
kind = "withdrawal"
body = "withdrawal"
cash = "out"
doubt = "hold"
completion = "A"
"""


def text_of(bank: Bank) -> str:
    """The configuration of one bank."""
    held = "\n".join(f'{kind} = {{ doubt = "hold" }}' for kind in bank.held)
    is_cash = "withdrawal" in bank.held
    return (
        TEXT.replace("@patience", str(bank.patience_ms))
        .replace("@branch-patience", str(min(bank.patience_ms, BRANCH_PATIENCE_MS)))
        .replace("@held-ndc", HELD_NDC if is_cash else "")
        .replace("@held-branch", HELD_BRANCH if is_cash else "")
        .replace("@held", held)
    )


class Lines:
    """`names` are those to have; the others are left out."""

    def __init__(self, names: Sequence[str], bank: Bank = PLAIN) -> None:
        data = tomllib.loads(text_of(bank))
        self.listeners = [ListenerSettings(**each) for each in data["listener"] if each["name"] in names]
        self.dialers = [DialerSettings(**each) for each in data["dialer"] if each["name"] in names]

    @property
    def all(self) -> list[LinkSettings]:
        return [*self.listeners, *self.dialers]

    def port(self, settings: ListenerSettings | DialerSettings) -> int:
        return int(settings.endpoint.replace("=", ":").split(":")[-1])

    def read_text(self, name: str) -> str:
        """Overlays and secrets, as relay/overlays.py gives them."""
        if name.startswith("credential:"):
            return Secret({**PASSWORDS, "access-key": "KEY1"}[name.removeprefix("credential:")]).reveal()
        return DEMO_LOAD if name == "demo-load" else read_overlay(name)
