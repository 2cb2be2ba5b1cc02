"""The TLS side of calls to the core: who we are, whom we trust, how old a protocol we accept.

Owns the making of one `ssl.SSLContext` from the settings. It must never know addresses: the name to check is given by the
transport at each connection. The traps: one context per upstream, because ALPN is written into it; only http/1.1 is
offered, because nothing else is spoken; and a missing client certificate shows only after the handshake (TLS 1.3).
"""

from __future__ import annotations

import ssl
from collections.abc import Callable

from relay.errors import ConfigurationError
from relay.settings import TlsSettings

_CREDENTIAL = "credential:"


def client_context(settings: TlsSettings, credential_path: Callable[[str], str]) -> ssl.SSLContext:
    """Verify the core's certificate and name, by `authorities` or else by the system's own; show ours where one is
    configured. `credential_path(name)` is the file of a credential. Raises ConfigurationError, naming the file.
    """
    try:
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=settings.authorities)
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"core.tls.authorities: {settings.authorities} cannot be used: {error}.", "It must be a PEM file of authorities."
        ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_3 if settings.minimum_version == "1.3" else ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    context.set_alpn_protocols(["http/1.1"])
    if settings.certificate is not None and settings.key is not None:
        key = settings.key
        if key.startswith(_CREDENTIAL):
            key = credential_path(key.removeprefix(_CREDENTIAL))
        try:
            # The empty password: an encrypted key is an error to report, never a question on the terminal.
            context.load_cert_chain(settings.certificate, key, password=lambda: b"")
        except (OSError, ValueError) as error:
            raise ConfigurationError(
                f"core.tls.certificate: {settings.certificate} with its key cannot be used: {error}.",
                "Both must be PEM files that belong together; the key must not be encrypted.",
            ) from error
    return context
