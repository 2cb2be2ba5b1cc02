"""Whether a message of the core can ever find its line: said when it is posted, not by a queue that never moves.

Owns the reasons. It must never know which links are open: a line that is down today is up tomorrow. The trap: what is found
here must agree with `Roster.find_line`, which looks for the link when its turn comes.
"""

from __future__ import annotations

from protocols.relatingkit import NamingDialect
from relay.exchange.ports import ListenerFacts


def why_never(facts: ListenerFacts, is_dialled: bool, line: str) -> str:
    """Why no link of this listener (or dialer) will ever be that of `line`, as a sentence with the next step; "" for none."""
    dialect = facts.dialect
    names = tuple(dialect.line_names) if isinstance(dialect, NamingDialect) else ()
    if line and names and line not in names:
        return f"the line of {facts.name} is {names[0]}"
    if line and facts.terminals and line not in facts.terminals:
        return f"{facts.name} does not allow this terminal"
    if not line and not is_dialled and isinstance(dialect, NamingDialect):
        return f"each link of {facts.name} speaks for one line or terminal: name it ({' or '.join(names) or 'line'})"
    return ""
