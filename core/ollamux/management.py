"""The requests about models themselves: show, pull, push, create, copy, delete, blobs.

Strategy: what changes or describes a model is the business of the Ollama backend that has it. The backend is the one
that `X-Target-Backend` (an id) or `X-Provider` (an id, else a provider's type) names, else the model's home, else the
first Ollama backend; the request goes there as it came and Ollama answers. What needs no Ollama, a description of
another backend's model, is answered from the catalog.

Rules: names are checked as Ollama checks them before anything is sent; where no backend can do it the answer is 501,
and says so in Ollama's form.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, cast

import msgspec

from ollamux.automatic import Automatic
from ollamux.backends import Backend
from ollamux.config.types import type_called
from ollamux.contract import ClientRequest, Want
from ollamux.errors import BackendUnavailable, InvalidRequest, NotSupported, OllamuxError, RequestError
from ollamux.exchange.base import JSON_UTF8, Exchange, House, Settled, answer
from ollamux.exchange.forward import Forward, ForwardExchange
from ollamux.formats.ollama import gojson, listing, schema
from ollamux.formats.ollama.gotext import dump
from ollamux.formats.ollama.names import parse_name
from ollamux.formats.splice import members, replace
from ollamux.routing.catalog import Offer

__all__ = ("Management",)


_NAMES = ("model", "name", "source")
_decode_text = msgspec.json.Decoder(str).decode


class ManagingHouse(House, Protocol):
    """A house whose backends' models may change, and that knows what `auto` is."""

    @property
    def automatic(self) -> Automatic:
        """What `auto` is."""
        ...

    def changed(self, backend_id: str) -> None:
        """A backend's models changed: ask it at once."""
        ...


class _Action(msgspec.Struct, frozen=True):
    """How one path treats the model it names: the body it takes, the error where no name is given, how a name that is
    not well formed is told, and whether the model must exist."""

    body: type
    empty: str
    malformed: str = "invalid model name"
    missing: str = ""
    changes: bool = True


_ACTIONS: dict[str, _Action] = {
    "/api/show": _Action(schema.ShowRequest, "model is required", changes=False),
    "/api/pull": _Action(schema.PullRequest, "invalid model name"),
    "/api/push": _Action(schema.PushRequest, "model is required", changes=False),
    "/api/create": _Action(schema.CreateRequest, "invalid model name"),
    "/api/copy": _Action(
        schema.CopyRequest, 'source "" is invalid', 'source "{name}" is invalid', 'model "{name}" not found'
    ),
    "/api/delete": _Action(
        schema.DeleteRequest, "model is required", 'name "{name}" is invalid', "model '{name}' not found"
    ),
}


class Management:
    """Opens the exchanges of these requests."""

    def __init__(self, house: ManagingHouse) -> None:
        self._house = house

    def open(self, request: ClientRequest, path: str) -> Exchange:
        """The exchange for a request to `path`, the target without its query."""
        action = _ACTIONS.get(path)
        try:
            if action is None:
                backend = self._manager(request.headers, ())
                forward = self._forward(backend, request.path, request.body, changes=path.startswith("/api/blobs/"))
                return ForwardExchange(self._house, request, lambda now: forward)
            name = _checked_name(request.body or b"", path, action)
        except OllamuxError as error:
            return Settled(error.status, JSON_UTF8, _told(error))
        known = self._house.catalog.find(name) or self._house.automatic.described(name)
        unknown = not known and parse_name(name) is not None
        must_exist = path == "/api/show" or bool(action.missing)
        return ForwardExchange(
            self._house,
            request,
            lambda now: self._plan(request, path, action, name, now),
            ask_first=unknown and must_exist,
        )

    def _plan(
        self, request: ClientRequest, path: str, action: _Action, name: str, now: float
    ) -> Forward | tuple[Want, ...]:
        try:
            return self._find(request, path, action, name, now)
        except OllamuxError as error:
            return answer(error.status, JSON_UTF8, _told(error))

    def _find(
        self, request: ClientRequest, path: str, action: _Action, name: str, now: float
    ) -> Forward | tuple[Want, ...]:
        """Where a request that names this model goes. Raises what Ollama would answer."""
        body = request.body or b""
        catalog = self._house.catalog
        offers = catalog.find(name) if path == "/api/show" else catalog.named(name)
        if not offers and parse_name(name) is None:
            raise InvalidRequest(action.malformed.format(name=name))
        if path == "/api/show":
            return self._show(request, name, offers, now)
        homes = [offer for offer in offers if self._house.backend(offer.backend).manages]
        if action.missing and not offers:
            raise RequestError(action.missing.format(name=name), status=404)
        if action.missing and not homes:
            raise _unsupported(f"backend '{offers[0].backend}' cannot change its models")
        backend = self._manager(request.headers, homes)
        upstream = next((offer.upstream for offer in homes if offer.backend == backend.id), name)
        return self._forward(backend, request.path, _renamed(body, name, upstream), changes=action.changes)

    def _show(
        self, request: ClientRequest, name: str, offers: tuple[Offer, ...], now: float
    ) -> Forward | tuple[Want, ...]:
        if not offers and (chosen := self._house.automatic.described(name)) is not None:
            return answer(200, JSON_UTF8, listing.show(chosen, self._house.clock, now))
        if not offers:
            raise RequestError(f"model '{listing.listed_name(name.strip())}' not found", status=404)
        homes = [self._house.backend(offer.backend) for offer in offers]
        backend = _named(request.headers, homes, "that has this model")[0]
        offer = offers[homes.index(backend)]
        if backend.manages and backend.callable:
            body = _renamed(request.body or b"", name, offer.upstream)
            return self._forward(backend, request.path, body, changes=False)
        return answer(200, JSON_UTF8, listing.show(offer, self._house.clock, now))

    def _manager(self, headers: Mapping[str, str], homes: Sequence[Offer]) -> Backend:
        managers = _named(headers, self._house.managers(), "that manages models")
        if not managers:
            raise _unsupported("no backend manages models as Ollama does")
        by_home = {offer.backend for offer in homes}
        backend = next((b for b in managers if b.id in by_home), managers[0])
        if not backend.callable:
            raise BackendUnavailable(f"backend '{backend.id}' is not available: {backend.trouble}")
        return backend

    def _forward(self, backend: Backend, path: str, body: bytes | None, *, changes: bool) -> Forward:
        return Forward(backend, path, body, (lambda now: self._house.changed(backend.id)) if changes else None)


def _named(headers: Mapping[str, str], backends: Sequence[Backend], which: str) -> Sequence[Backend]:
    """Those of them that the headers allow. Raises InvalidRequest, with what there is, where they allow none."""
    left = backends
    for header in ("X-Target-Backend", "X-Provider"):
        asked = headers.get(header.lower())
        if not asked:
            continue
        left = [backend for backend in left if backend.id == asked] or [
            backend
            for backend in left
            if header == "X-Provider" and backend.provider.type == type_called(asked.lower())
        ]
        if not left:
            names = ", ".join(backend.id for backend in backends) or "none"
            raise InvalidRequest(f"{header} '{asked}' names no backend {which} (there are: {names})")
    return left


def _checked_name(body: bytes, path: str, action: _Action) -> str:
    """The name that a body holds, checked as far as that needs no catalog."""
    try:
        asked = cast(object, gojson.decode(body, action.body))
    except gojson.GoJSONError as error:
        raise InvalidRequest(str(error)) from None
    name = _name_of(asked)
    if not name.strip():
        raise InvalidRequest(action.empty)
    if path == "/api/copy":
        destination = getattr(asked, "destination", None) or ""
        if parse_name(destination) is None:
            raise InvalidRequest(f'destination "{destination}" is invalid')
    return name


def _told(error: OllamuxError) -> bytes:
    return dump({"error": error.message})


def _unsupported(why: str) -> NotSupported:
    return NotSupported(f"this endpoint cannot do that: {why}")


def _name_of(asked: object) -> str:
    """The model's name: `model`, else the old field `name`; an empty one is absent."""
    for field in _NAMES:
        value = getattr(asked, field, None)
        if isinstance(value, str) and value:
            return value
    return ""


def _renamed(body: bytes, name: str, upstream: str) -> bytes:
    """The body with the backend's name for the model, where it is another one."""
    if upstream == name or not body:
        return body
    known = members(body)
    values = {
        member.key.lower(): dump(upstream)
        for member in known
        if member.key.lower() in _NAMES and _text(body[member.start : member.end]) == name
    }
    return replace(body, values, fold=True, known=known) if values else body


def _text(value: bytes) -> str | None:
    try:
        return _decode_text(value)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
