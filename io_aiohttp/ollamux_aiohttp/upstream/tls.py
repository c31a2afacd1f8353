"""TLS contexts for connections to backends, one for each way of trusting, since making one reads the whole CA store."""

from __future__ import annotations

import functools
import ssl

__all__ = ("client_context",)


@functools.lru_cache(maxsize=64)
def client_context(verify: bool = True, ca: str | None = None) -> ssl.SSLContext:
    """A context that trusts the system's store, or the PEM file `ca` in its place, or, without `verify`, anybody.
    ValueError where the file cannot be used."""
    try:
        context = ssl.create_default_context(cafile=ca)
    except (OSError, ssl.SSLError) as error:
        raise ValueError(f"the CA file cannot be used: {error.strerror or type(error).__name__}") from None
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["http/1.1"])
    return context
