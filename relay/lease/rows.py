"""The lease database's statements, and what their rows mean.

Owns the SQL and the schema's numbered DDL. It must never connect. The traps: who holds is decided by one statement, by the
database's clock and under the row's own lock, so that nothing is read first and written after; and `clock_timestamp()` is the
time of that very moment, where now() would be that of the transaction's begin, which may have waited for the lock.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from typing import Any, Final

from protocols.dialect import LineRight
from relay.lease.lease import Denied, Granted

# $1 resource, $2 center, $3 incarnation, $4 ttl in milliseconds, $5 least token, $6 to $8 who, second, why.
ACQUIRE: Final = """
INSERT INTO lease AS l (resource, center, incarnation, token, expires_at, who, second, why)
VALUES ($1, $2, $3, GREATEST(1, $5::bigint), clock_timestamp() + $4::bigint * interval '1 millisecond', $6, $7, $8)
ON CONFLICT (resource) DO UPDATE SET
    token = GREATEST($5::bigint, l.token + CASE WHEN (l.center, l.incarnation) = ($2, $3)
                                                     AND l.expires_at > clock_timestamp() THEN 0 ELSE 1 END),
    center = excluded.center, incarnation = excluded.incarnation,
    expires_at = clock_timestamp() + $4::bigint * interval '1 millisecond',
    who = CASE WHEN excluded.who <> '' OR (l.center, l.incarnation) <> ($2, $3) THEN excluded.who ELSE l.who END,
    second = CASE WHEN excluded.who <> '' OR (l.center, l.incarnation) <> ($2, $3) THEN excluded.second ELSE l.second END,
    why = CASE WHEN excluded.who <> '' OR (l.center, l.incarnation) <> ($2, $3) THEN excluded.why ELSE l.why END
WHERE (l.center, l.incarnation) = ($2, $3) OR l.expires_at <= clock_timestamp()
RETURNING token
"""
# $1 resource, $2 token, $3 center: the last other center before it.
OTHERS: Final = (
    "SELECT token, center FROM tenure WHERE resource = $1 AND token < $2 AND center <> $3 ORDER BY token DESC LIMIT 1"
)
HOLDER: Final = (
    "SELECT center, incarnation, token, GREATEST(0, extract(epoch FROM expires_at - clock_timestamp()) * 1000)::bigint"
    " FROM lease WHERE resource = $1"
)
# $1 resource, $2 center, $3 incarnation, $4 token.
RELEASE: Final = (
    "UPDATE lease SET expires_at = clock_timestamp() WHERE resource = $1 AND center = $2 AND incarnation = $3 AND token = $4"
    " AND expires_at > clock_timestamp() RETURNING token"
)
# $1 resource, $2 center, $3 scope, $4 first, $5 last.
STATE_NUMBERS: Final = (
    "INSERT INTO numbers VALUES ($1, $2, $3, $4, $5) ON CONFLICT (resource, center) DO UPDATE"
    " SET scope = excluded.scope, first = excluded.first, last = excluded.last"
)
CLASHES: Final = (
    "SELECT center, resource, first, last FROM numbers WHERE center <> $1 AND scope = $2 AND first <= $4 AND last >= $3 LIMIT 1"
)
VERSION_OF: Final = "SELECT to_regclass($1) IS NOT NULL"
TENURES: Final = (
    "SELECT token, center, incarnation, (extract(epoch FROM began_at) * 1000)::bigint, who, second, why FROM tenure"
    " WHERE resource = $1 ORDER BY token DESC LIMIT $2"
)
SESSION_SETTINGS: Final = {
    "application_name": "relay lease",
    "synchronous_commit": "on",
    "client_min_messages": "warning",
    "jit": "off",
}


def scripts() -> list[str]:
    """The DDL in order; the n-th takes the schema from version n-1 to n."""
    folder = resources.files("relay.lease") / "ddl"
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return [(folder / name).read_text(encoding="utf-8") for name in names]


def granted(token: int, others: Sequence[Any]) -> Granted:
    """`others`: rows of OTHERS."""
    other_token, other = (others[0][0], others[0][1]) if others else (0, "")
    return Granted(LineRight(token, other_token, other))


def denied(row: Any) -> Denied:
    """A row of HOLDER."""
    return Denied(center=row[0], incarnation=row[1], token=row[2], left_ms=row[3])
