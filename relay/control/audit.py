"""What people did at the web console, as `relay console audit` shows it.

Owns arguments and answer. It must never decide. The trap: a row without a result is one whose end nobody knows.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

AUDIT_ROWS_MAX = 2_000


class AuditArgs(msgspec.Struct, frozen=True, kw_only=True):
    """The newest `count_max` records."""

    count_max: Annotated[int, msgspec.Meta(ge=1, le=AUDIT_ROWS_MAX)] = 100


class AuditRow(msgspec.Struct, frozen=True, kw_only=True):
    """`result` is done, refused, or "" while nobody knows; `said` is the relay's answer. Wall clock, milliseconds."""

    number: int = 0
    at_ms: int = 0
    who: str = ""
    role: str = ""
    address: str = ""
    deed: str = ""
    target: str = ""
    why: str = ""
    result: str = ""
    said: str = ""


class AuditReport(msgspec.Struct, frozen=True, kw_only=True):
    """Newest first."""

    rows: tuple[AuditRow, ...] = ()
