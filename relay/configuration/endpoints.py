"""Endpoint strings, read by Twisted's own parsers, and their errors in the operator's words.

Owns the check that every endpoint string can be understood. It must never bind, connect or need a running reactor. The traps:
Twisted's parsers say what is wrong with TypeError, KeyError or whatever Python had at hand, and accept port 70000. And they
take as long to import as all else that `relay status --config` needs, so they are not asked about a plain string, which
they read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from relay.configuration.lines import Path
from relay.configuration.relations import Finding, links
from relay.configuration.wording import did_you_mean
from relay.settings import ListenerSettings, Settings

_KINDS = ("tcp", "tcp6", "ssl", "tls", "unix", "systemd", "haproxy")
_EXAMPLES = {
    True: "for instance tcp:8583:interface=10.0.0.5, or systemd:domain=INET:name=atm",
    False: "for instance tcp:host=10.1.2.3:port=7000",
}
_PORT = "[1-5]?[0-9]{1,4}"
_PLAIN = {
    True: re.compile(rf"tcp:(port=)?{_PORT}(:interface=[0-9.]+)?"),
    False: re.compile(rf"tcp:(host=[a-z0-9.-]+:port={_PORT}|[a-z0-9.-]+:{_PORT})"),
}


def check_endpoints(settings: Settings) -> Iterator[Finding]:
    """One finding per endpoint string that Twisted cannot read, or reads as nonsense."""
    for path, link in links(settings):
        is_listener = isinstance(link, ListenerSettings)
        endpoint = str(getattr(link, "endpoint", ""))
        yield from _check((*path, "endpoint"), endpoint, is_listener)
        if link.tls is not None and endpoint.partition(":")[0] in {"ssl", "tls"}:
            yield Finding(
                (*path, "endpoint"),
                "TLS twice: by the endpoint string and by the tls table",
                "write tcp:... here",
                ((*path, "tls"),),
            )


def _check(path: Path, endpoint: str, is_listener: bool) -> Iterator[Finding]:
    if endpoint.startswith("systemd:"):
        if not is_listener or not re.search(r":(name|index)=", endpoint) or not re.search(r":domain=INET6?(:|$)", endpoint):
            yield Finding(path, "systemd's sockets are named by domain and name", "systemd:domain=INET:name=NAME")
        return  # whether systemd passed that socket is known only in the service
    problem = _problem(endpoint, is_listener)
    if problem:
        kind, colon, _ = endpoint.partition(":")
        is_kind = kind in _KINDS or not colon
        yield Finding(path, f'"{endpoint}": {problem}', _EXAMPLES[is_listener] if is_kind else did_you_mean(kind, _KINDS))


def _problem(endpoint: str, is_listener: bool) -> str:
    return "" if _PLAIN[is_listener].fullmatch(endpoint) else problem_of(endpoint, is_listener)


def problem_of(endpoint: str, is_listener: bool) -> str:
    """What is wrong with it in Twisted's eyes, and beyond them; "" where nothing is."""
    from relay.configuration.endpointparsers import read_client, read_server  # see the header

    read: Callable[[str], object] = read_server if is_listener else read_client
    try:
        parsed = read(endpoint)
    except RuntimeError:  # Twisted's tokenizer runs out of text after a last backslash
        return "it ends in a backslash"
    except (ValueError, TypeError, KeyError, IndexError, OSError) as error:
        return _in_words(error)
    return _unlikely(vars(parsed))


def _in_words(error: Exception) -> str:
    said = str(error)
    missing = re.search(r"missing \d+ required positional arguments?: (.+)", said)
    if missing:
        return f"{missing[1].replace(chr(39), '')} is missing"
    unexpected = re.search(r"unexpected keyword argument '(\w+)'", said)
    if unexpected:
        return f"there is no option {unexpected[1]}"
    number = re.search(r"invalid literal for int\(\) with base 10: '(.*)'", said)
    if number:
        return f'"{number[1]}" is not a number'
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}"
    if "positional argument" in said:
        return "too many parts"
    return said[:1].lower() + said[1:]


def _unlikely(parts: dict[str, object]) -> str:
    """What Twisted accepts and the kernel will not. `parts` are the parsed endpoint's own variables."""
    port = parts.get("_port")
    if isinstance(port, int) and not 0 <= port <= 65_535:
        return f"port {port} is out of bounds (0 to 65535)"
    interface = parts.get("_interface")
    if isinstance(interface, str) and interface and not re.fullmatch(r"[0-9a-fA-F:.%\w]+", interface):
        return f'"{interface}" is not an address'
    return ""
