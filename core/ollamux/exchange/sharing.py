"""How requests to an Ollama share a model that is in its memory, so that none makes it load that model anew.

Strategy: what a request asks for is told to `Keeping` when its call begins, and the body goes out with what that says;
where nobody else uses the model in another way, that is what it asked for, and the body goes out as it is.

Rules: for backends with a `keeping`, which are those that load models by themselves; each call that was begun is ended
once, however it went; after a request that wanted the model gone it is taken for gone.
"""

from __future__ import annotations

from ollamux.formats.asking import Incoming
from ollamux.formats.outgoing import Outgoing
from ollamux.hardware.keeping import Keeping, Terms

__all__ = ("begun", "ended")


def begun(
    keeping: Keeping,
    backend: str,
    upstream: str,
    incoming: Incoming,
    stay: float | None,
    outgoing: Outgoing,
    now: float,
) -> Outgoing:
    """A call for this model of this backend begins: the request to send. `stay` is the configured `keep_alive`, in
    seconds, for requests that name none."""
    asked = incoming.keep_alive if incoming.keep_alive is not None else stay
    try:
        context = None
        if outgoing.body.find(b"num_ctx") >= 0:
            from ollamux.formats.ollama.memory import context_of

            context = context_of(outgoing.body)
        terms: Terms = keeping.begin(backend, upstream, context, asked, now)
        if terms.num_ctx == context and terms.keep_alive == asked:
            return outgoing
        from ollamux.formats.ollama.memory import with_memory

        body = with_memory(
            outgoing.body,
            terms.num_ctx if terms.num_ctx != context else None,
            terms.keep_alive if terms.keep_alive != asked else None,
        )
    except ValueError:  # options that are none: Ollama's to refuse
        return outgoing
    return outgoing.with_body(body)


def ended(keeping: Keeping, backend: str, upstream: str, incoming: Incoming, now: float) -> None:
    """A call that was begun is over."""
    keeping.end(backend, upstream, now)
    if incoming.keep_alive == 0:
        keeping.released(backend, upstream)
