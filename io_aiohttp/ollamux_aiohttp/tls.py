"""HTTPS for clients: the context in which connections are accepted, and the one in which a server is asked by itself.

Rules: HTTP/1.1 over TLS 1.2 or newer; a key that needs a password cannot be used, since nobody is there to type it; no
error says more of a file than its path.
"""

from __future__ import annotations

import ssl

from ollamux.config import ServerTls

__all__ = ("own_context", "server_context")


def server_context(tls: ServerTls) -> ssl.SSLContext:
    """What clients are accepted with. ValueError names the key (`cert`, `key`, `client_ca`) and the file that cannot be
    used, and why."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    _readable("cert", tls.cert)
    if tls.key is not None:
        _readable("key", tls.key)
    try:
        context.load_cert_chain(tls.cert, tls.key, password=lambda: b"")
    except ssl.SSLError as error:
        name, file, what = ("key", tls.key, "a key") if tls.key is not None else ("cert", tls.cert, "a certificate")
        if error.reason == "KEY_VALUES_MISMATCH":
            raise ValueError(f"{name}: {file}: this is not the key of that certificate") from None
        if tls.key is not None and not _certificates(tls.cert):
            name, file, what = "cert", tls.cert, "a certificate"
        more = " with its key" if tls.key is None else "" if name == "cert" else " without a password"
        raise ValueError(f"{name}: {file}: this is not {what}{more}, as PEM") from None
    if tls.client_ca is not None:
        _readable("client_ca", tls.client_ca)
        if not _certificates(tls.client_ca):
            raise ValueError(f"client_ca: {tls.client_ca}: there is no certificate in it, as PEM")
        context.load_verify_locations(tls.client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    context.set_alpn_protocols(["http/1.1"])
    return context


def own_context(tls: ServerTls) -> ssl.SSLContext:
    """For asking the server that shows this very certificate, under whatever name: nothing else is trusted."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(tls.cert)
    return context


def _readable(name: str, file: str) -> None:
    try:
        with open(file, "rb") as found:
            found.read(1)
    except OSError as error:
        raise ValueError(f"{name}: {file}: cannot be read: {error.strerror}") from None


def _certificates(file: str) -> bool:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(file)
    except ssl.SSLError:
        return False
    return True
