"""The responses that clients may come back to, in memory and for a while.

It owns what `previous_response_id`, `item_reference` and the routes below /v1/responses/{id} find. Strategy: each
response is kept with the whole conversation before it, so that none depends on another one that may be gone; the least
recently used ones go first, by number and by bytes, and all of them when their time is over.

Rules: a response belongs to the key of the client that asked for it, and to nobody else it exists; time is an argument,
and where one who looks has none the newest that was told counts; what is kept is JSON text, never a decoded tree.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict, deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast
from urllib.parse import parse_qs

import msgspec

__all__ = ("LARGEST", "LONGEST", "MOST", "OURS", "REMEMBERED", "Kept", "StoredResponses", "owner_of")

MOST = 1000
"""How many responses are kept."""
LARGEST = 64 * 1024 * 1024
"""How many bytes all of them may have together."""
LONGEST = 6 * 3600.0
"""Seconds after which a response is forgotten."""
REMEMBERED = 16384
"""Of how many it is known which model's backend keeps them."""
OURS = "ox"
"""What ids that were made here begin with, behind their kind: no backend knows them."""

_CREDENTIALS = ("authorization", "x-api-key", "api-key")
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode


class Kept(msgspec.Struct, frozen=True, gc=False):
    """A response. `input` are the items that it answers, those of earlier turns in front; `output` its own items, what
    the client was not shown among them; `body` is the response as the client got it. `upstream` says that the backend
    which gave it may know it too."""

    id: str
    owner: str
    body: bytes
    input: tuple[bytes, ...]
    output: tuple[bytes, ...]
    until: float
    size: int
    upstream: bool = False

    @property
    def items(self) -> tuple[bytes, ...]:
        """The conversation up to here."""
        return self.input + self.output


def owner_of(headers: Mapping[str, str]) -> str:
    """Whom a request's responses belong to: a hash of its key, empty where it has none. Names are in lower case."""
    for name in _CREDENTIALS:
        value = headers.get(name, "").strip()
        if value:
            key = value.rpartition(" ")[2]
            return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()
    return ""


class StoredResponses:
    """See the module. `sign` tells the ids of one store from those that another one makes at the same moment."""

    def __init__(self, *, most: int = MOST, largest: int = LARGEST, longest: float = LONGEST, sign: str = "") -> None:
        self._sign = sign
        self._most = most
        self._largest = largest
        self._longest = longest
        self._kept: OrderedDict[tuple[str, str], Kept] = OrderedDict()
        self._items: dict[tuple[str, str], bytes] = {}
        self._indexed: dict[tuple[str, str], list[str]] = {}
        self._ends: deque[tuple[float, tuple[str, str]]] = deque()
        self._size = 0
        self._behind: OrderedDict[tuple[str, str], str] = OrderedDict()
        self._count = 0
        self._latest = 0.0

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def size(self) -> int:
        """Bytes kept."""
        return self._size

    def fresh(self, now: float) -> str:
        """Signs for ids that nothing else here has."""
        self._count += 1
        return OURS + hashlib.blake2b(f"{self._sign}{now!r}:{self._count}".encode(), digest_size=20).hexdigest()

    def put(
        self,
        id_: str,
        owner: str,
        body: bytes,
        given: Iterable[bytes],
        output: Sequence[bytes],
        now: float,
        *,
        upstream: bool = False,
    ) -> None:
        """Keeps a response that is complete. One that is larger than all the room there is, is not kept."""
        items = tuple(given)
        size = len(body) + sum(map(len, items)) + sum(map(len, output))
        self._tell(now)
        self._drop(self._kept.get((owner, id_)))
        if size > self._largest:
            return
        kept = Kept(id_, owner, body, items, tuple(output), self._latest + self._longest, size, upstream)
        self._kept[owner, id_] = kept
        self._ends.append((kept.until, (owner, id_)))
        if len(self._ends) > 2 * self._most:  # most of them are gone before their time
            self._ends = deque(sorted((one.until, _key(one)) for one in self._kept.values()))
        self._size += size
        self._index(kept, kept.output)
        while len(self._kept) > self._most or self._size > self._largest:
            self._drop(next(iter(self._kept.values())))

    def remember(self, id_: str, owner: str, model: str) -> None:
        """A backend keeps this response, too, whatever becomes of it here. `model` is the name that it was asked of."""
        self._behind[owner, id_] = model
        self._behind.move_to_end((owner, id_))
        if len(self._behind) > REMEMBERED:
            self._behind.popitem(last=False)

    def behind(self, id_: str, owner: str = "") -> str:
        """The model whose backend keeps this response of this owner; empty where none is known to."""
        return self._behind.get((owner, id_), "")

    def find(self, id_: str, owner: str = "", now: float | None = None) -> Kept | None:
        """A response of this owner."""
        self._tell(now)
        kept = self._kept.get((owner, id_))
        if kept is not None:
            self._kept.move_to_end((owner, id_))
        return kept

    def item(self, id_: str, owner: str = "") -> bytes | None:
        """An item of one of this owner's responses, by the id that the client was told."""
        return self._items.get((owner, id_))

    def holder(self, item: str, owner: str = "") -> Kept | None:
        """The response of this owner that has an item of this id."""
        for key, ids in self._indexed.items():
            if key[0] == owner and item in ids:
                return self._kept[key]
        return None

    def adopt(self, kept: Kept, now: float) -> None:
        """Keeps a response that another store keeps, for as long as that one would."""
        if self.find(kept.id, kept.owner, now) is None and kept.until > now:
            self.put(kept.id, kept.owner, kept.body, kept.input, kept.output, now, upstream=kept.upstream)

    def forget(self, id_: str, owner: str = "") -> None:
        """Keeps this response no longer, where it is kept."""
        self._drop(self._kept.get((owner, id_)))

    # What the routes below /v1/responses/{id} answer: a status and a JSON body ----------------------------------------

    def get(self, id_: str, now: float, owner: str = "", query: str = "") -> tuple[int, bytes]:
        """GET /v1/responses/{id}."""
        kept = self.find(id_, owner, now)
        if kept is None:
            return _unknown(id_)
        if parse_qs(query).get("stream") == ["true"]:
            return 400, _error("a response that was stored cannot be streamed again", "stream")
        return 200, kept.body

    def delete(self, id_: str, now: float, owner: str = "") -> tuple[int, bytes]:
        """DELETE /v1/responses/{id}."""
        kept = self.find(id_, owner, now)
        if kept is None:
            return _unknown(id_)
        self._drop(kept)
        return 200, _encode({"id": id_, "object": "response", "deleted": True})

    def input_items(self, id_: str, now: float, owner: str = "", query: str = "") -> tuple[int, bytes]:
        """GET /v1/responses/{id}/input_items, with `limit`, `order` (newest first unless `asc`) and `after`."""
        kept = self.find(id_, owner, now)
        if kept is None:
            return _unknown(id_)
        asked = parse_qs(query)
        told = asked.get("limit", ["20"])[0]
        if not (told.isascii() and told.isdigit() and 1 <= int(told[:4]) <= 100):
            return 400, _error("limit must be a number from 1 to 100", "limit")
        rows = [_listed(item, kept.id, place) for place, item in enumerate(kept.input)]
        self._index(kept, [_encode(row) for row in rows])
        if asked.get("order", ["desc"])[0] != "asc":
            rows.reverse()
        after = asked.get("after", [""])[0]
        begin = next((place + 1 for place, row in enumerate(rows) if row["id"] == after), 0) if after else 0
        shown = rows[begin : begin + int(told)]
        return 200, _encode(
            {
                "object": "list",
                "data": shown,
                "first_id": shown[0]["id"] if shown else "",
                "last_id": shown[-1]["id"] if shown else "",
                "has_more": begin + len(shown) < len(rows),
            }
        )

    def _tell(self, now: float | None) -> None:
        """Time goes by: what is too old goes. All are kept equally long, so the oldest end first."""
        if now is not None and now > self._latest:
            self._latest = now
        ends = self._ends
        while ends and ends[0][0] <= self._latest:
            until, key = ends.popleft()
            kept = self._kept.get(key)
            if kept is not None and kept.until == until:
                self._drop(kept)

    def _index(self, kept: Kept, items: Iterable[bytes]) -> None:
        ids = self._indexed.setdefault(_key(kept), [])
        for item in items:
            id_ = _decode(item).get("id")
            if isinstance(id_, str):
                self._items[kept.owner, id_] = item
                ids.append(id_)

    def _drop(self, kept: Kept | None) -> None:
        if kept is None:
            return
        del self._kept[_key(kept)]
        self._size -= kept.size
        for id_ in self._indexed.pop(_key(kept), ()):
            self._items.pop((kept.owner, id_), None)


def _key(kept: Kept) -> tuple[str, str]:
    return kept.owner, kept.id


def _unknown(id_: str) -> tuple[int, bytes]:
    return 404, _error(f"Response with id '{id_[:100]}' not found.", None)


def _error(message: str, param: str | None) -> bytes:
    told = {"message": message, "type": "invalid_request_error", "param": param, "code": None}
    return _encode({"error": told})


def _listed(item: bytes, response: str, place: int) -> dict[str, Any]:
    """An item as it is listed: what a client may leave out is filled in."""
    row = _decode(item)
    kind = row.setdefault("type", "message")
    if not isinstance(row.get("id"), str):
        prefix = {"message": "msg", "reasoning": "rs", "function_call": "fc"}.get(kind, "item")
        row["id"] = f"{prefix}_{response.rpartition('_')[2]}_in{place}"
    if kind == "reasoning":
        row.setdefault("summary", [])
        return row
    row.setdefault("status", "completed")
    if kind == "message":
        content: Any = row.get("content")
        word = "output_text" if row.get("role") == "assistant" else "input_text"
        parts: list[Any] = [{"type": word, "text": content}] if isinstance(content, str) else list(content or ())
        row["content"] = [_part(part) for part in parts]
    return row


def _part(part: Any) -> Any:
    if not isinstance(part, dict):
        return part
    told = cast(dict[str, Any], part)
    if told.get("type") == "output_text":
        return {"annotations": [], **told}
    return {"detail": "auto", **told} if told.get("type") == "input_image" else told
