"""What `[hours]` must be: spans that can be read, lines that exist, days that are one thing.

Owns the checks that need only the file. It must never ask a calendar. The trap: a name that no listener has would leave that
line with its class's hours, silently.
"""

from __future__ import annotations

from collections.abc import Iterator

from relay.configuration.regions import Wrong
from relay.hours import CLASSES, parse_days, parse_line, parse_span, spans_of
from relay.settings import Settings


def check_hours(settings: Settings) -> Iterator[Wrong]:
    """Everything that keeps hours from being what they seem to say."""
    hours = settings.hours
    for name in CLASSES:
        for n, text in enumerate(spans_of(hours, name)):
            try:
                parse_span(text)
            except ValueError as error:
                yield Wrong(("hours", name, n), str(error))
    known = {link.name for link in (*settings.listener, *settings.dialer)}
    for n, text in enumerate(hours.lines):
        try:
            line, _ = parse_line(text)
        except ValueError as error:
            yield Wrong(("hours", "lines", n), str(error))
            continue
        if line not in known:
            yield Wrong(("hours", "lines", n), f"no listener and no dialer is called {line}", ", ".join(sorted(known)))
    for name, days in (("extra_holidays", hours.extra_holidays), ("extra_bank_days", hours.extra_bank_days)):
        for n, text in enumerate(days):
            try:
                parse_days((text,))
            except ValueError as error:
                yield Wrong(("hours", name, n), str(error))
            else:
                if name == "extra_bank_days" and text in hours.extra_holidays:
                    yield Wrong(("hours", name, n), f"{text} is in extra_holidays, too: it would be a bank day", "one of both")
