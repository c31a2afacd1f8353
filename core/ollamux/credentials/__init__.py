"""How a backend is shown that the gateway may call it: where a key goes, which of several, tokens, signatures.

`placing` puts a key into a header or the query, `ring` chooses among several keys and lets those rest that were
refused, `oauth2` gets tokens for a client's id and secret, `sigv4` signs a call as AWS does. Nothing here calls
anybody."""

from __future__ import annotations

from ollamux.credentials.base import Signer

__all__ = ("Signer",)
