"""Keeping: how clients that ask for different things share a model without its being loaded anew for each.

Ollama loads a model again when a request asks for another context than it runs with, and forgets it after the
`keep_alive` of the last request. So a request for less context than is loaded is sent with what is loaded, and one that
would have the model forgotten earlier than somebody asked is sent with the time that is left of that.

Rules: `num_ctx` is only ever raised, and never above what is loaded already; a request that names none means the
backend's default, which is learned from what the backend loads for such a request, and is sent with what is loaded
where that is more. `keep_alive` is only ever made longer, and who names none counts for Ollama's own five minutes; 0 is
obeyed, and ends what others asked for; negative, infinite here, is obeyed until somebody says 0. Times are seconds.
"""

from __future__ import annotations

import math

from ollamux.contract import Value
from ollamux.models import Inventory

__all__ = ("Keeping", "Terms", "Use")

_DEFAULT_STAY = 300.0
"""How long Ollama keeps a model unless told otherwise."""


class Terms(Value):
    """What a request is sent with; None leaves it out."""

    __slots__ = __match_args__ = ("num_ctx", "keep_alive")

    def __init__(self, num_ctx: int | None, keep_alive: float | None) -> None:
        self.num_ctx = num_ctx
        self.keep_alive = keep_alive


_NO_TERMS = Terms(None, None)


class Use:
    """How one model of one backend is used: requests under way, when one last began or ended, until when it was asked
    to stay, the context that it runs with, the one that it has unless a request names another, and whether the last
    request named none."""

    __slots__ = ("by_default", "context", "default_context", "running", "stays_until", "used_at")

    def __init__(self) -> None:
        self.running = 0
        self.used_at = 0.0
        self.stays_until = -math.inf
        self.context: int | None = None
        self.default_context: int | None = None
        self.by_default = False

    @property
    def forever(self) -> bool:
        """Whether somebody asked to keep it for good."""
        return self.stays_until == math.inf

    def forget(self) -> None:
        """It is out of memory: whatever was asked of it there is over."""
        self.stays_until = -math.inf
        self.context = None
        self.by_default = False


_UNUSED = Use()


class Keeping:
    """Follows the use of every model that was asked for or is loaded."""

    def __init__(self) -> None:
        self._uses: dict[tuple[str, str], Use] = {}

    def begin(self, backend: str, model: str, num_ctx: int | None, keep_alive: float | None, now: float) -> Terms:
        """A request that asks for this is sent: what to send it with. Its end is told by `end`."""
        use = self._uses.get((backend, model))
        if use is None:
            use = self._uses[(backend, model)] = Use()
        use.running += 1
        use.used_at = now
        context, stay = _context(use, num_ctx), _stay(use, keep_alive, now)
        return _NO_TERMS if context is None and stay is None else Terms(context, stay)

    def end(self, backend: str, model: str, now: float) -> None:
        """A request that was begun is over."""
        use = self._uses.get((backend, model))
        if use is not None and use.running:
            use.running -= 1
            use.used_at = now

    def busy(self, backend: str, model: str) -> bool:
        """Whether requests for it are under way, so that it is loaded, or being loaded."""
        use = self._uses.get((backend, model), _UNUSED)
        return use.running > 0

    def use(self, backend: str, model: str) -> Use:
        """How this model is used."""
        return self._uses.get((backend, model), _UNUSED)

    def used_elsewhere(self, backend: str, model: str, since: float, now: float) -> None:
        """Somebody used it after `since`, as its backend says: who is not known where nobody did so from here."""
        use = self._uses.setdefault((backend, model), Use())
        if use.used_at <= since:
            use.used_at = now

    def told(self, backend: str, inventory: Inventory) -> None:
        """What a backend has, and what it has loaded. What it no longer has is forgotten."""
        loaded = {entry.name: entry for entry in inventory.loaded}
        names = {model.name for model in inventory.models} | loaded.keys()
        for key, use in [item for item in self._uses.items() if item[0][0] == backend]:
            if use.running:
                continue  # it may be on its way in, and not be there yet
            if key[1] not in names:
                del self._uses[key]
            elif key[1] not in loaded:
                use.forget()
        for name, entry in loaded.items():
            use = self._uses.setdefault((backend, name), Use())
            use.context = entry.context_length
            if use.by_default and not use.running:
                use.default_context = use.context
            if entry.expires is None:
                use.stays_until = math.inf

    def released(self, backend: str, model: str) -> None:
        """It was taken out of memory."""
        use = self._uses.get((backend, model))
        if use is not None:
            use.forget()


def _context(use: Use, asked: int | None) -> int | None:
    loaded, default = use.context, use.default_context
    wanted = default if asked is None else asked
    send = loaded if wanted is not None and loaded is not None and loaded > wanted else asked
    use.by_default = send is None
    if send is not None:
        use.context = send
    return send


def _stay(use: Use, asked: float | None, now: float) -> float | None:
    if asked == 0:
        use.stays_until = -math.inf
        return asked
    left = use.stays_until - now
    use.stays_until = max(use.stays_until, now + (_DEFAULT_STAY if asked is None else asked))
    if asked is None:
        return left if left > _DEFAULT_STAY else None
    return max(asked, left)
