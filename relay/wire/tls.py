"""TLS contexts from settings, and the name in a peer's certificate.

Owns the reading of certificate files and what they may be used for. It must never hold a private key longer than loading it.
The trap: with TLS 1.3 a far end without a certificate is refused by the server inside its handshake, but the client has
finished its own by then and sees the refusal at its first read.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any

from cryptography import x509

from relay.errors import ConfigurationError
from relay.settings import TlsSettings

CREDENTIAL_PREFIX = "credential:"


def server_context(settings: TlsSettings, credential_path: Callable[[str], str]) -> ssl.SSLContext:
    """The context of a listener. `credential_path(name)` is the file of a credential.

    Raises ConfigurationError naming the file that cannot be used.
    """
    if settings.certificate is None or settings.key is None:
        raise ConfigurationError("A TLS listener needs certificate and key.", "Set tls.certificate and tls.key.")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _load(context, settings, credential_path)
    if settings.authorities is not None:
        context.verify_mode = ssl.CERT_REQUIRED if settings.require_peer_certificate else ssl.CERT_OPTIONAL
    return context


def client_context(settings: TlsSettings, credential_path: Callable[[str], str]) -> ssl.SSLContext:
    """The context of a dialer: the far end's certificate is checked against its name, always, by `authorities` or else by
    the system's own. Raises ConfigurationError naming the file that cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if settings.authorities is None:
        context.load_default_certs()
    _load(context, settings, credential_path)
    return context


def handshake_cause(error: OSError) -> str:
    """Why a handshake failed, in OpenSSL's words: a certificate out of date, none at all, or no TLS in the first place."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.lower().replace("_", " ")
    return str(error) or type(error).__name__


def certificate_name(transport: Any) -> str:
    """The name in the far end's certificate (first DNS alternative name, else common name), empty where there is none.

    `transport` is a Twisted transport, ours or Twisted's own.
    """
    show = getattr(transport, "getPeerCertificate", None)
    certificate = None if show is None else show()
    if certificate is None:
        return ""
    if isinstance(certificate, bytes):  # DER, from our own connection
        return name_of(x509.load_der_x509_certificate(certificate))
    return name_of(certificate.to_cryptography())  # pyOpenSSL, from Twisted's


def name_of(certificate: x509.Certificate) -> str:
    try:
        alternative = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = alternative.get_values_for_type(x509.DNSName)
    except (x509.ExtensionNotFound, ValueError):
        names = []
    if names:
        return names[0]
    common = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return str(common[0].value) if common else ""


def _load(context: ssl.SSLContext, settings: TlsSettings, credential_path: Callable[[str], str]) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_3 if settings.minimum_version == "1.3" else ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    if settings.certificate is not None and settings.key is not None:
        key = settings.key
        if key.startswith(CREDENTIAL_PREFIX):
            key = credential_path(key.removeprefix(CREDENTIAL_PREFIX))
        try:
            # The empty password: an encrypted key is an error to report, never a question on the terminal.
            context.load_cert_chain(settings.certificate, key, password=lambda: b"")
        except (OSError, ValueError) as error:
            raise _unusable(f"{settings.certificate} with its key", error) from error
    if settings.authorities is not None:
        try:
            context.load_verify_locations(settings.authorities)
        except (OSError, ValueError) as error:
            raise _unusable(settings.authorities, error) from error


def _unusable(what: str, error: Exception) -> ConfigurationError:
    return ConfigurationError(f"TLS: {what} cannot be used: {error}.", "Check the path, the format (PEM) and the permissions.")
