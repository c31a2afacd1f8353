"""What must hold of each answer when it has ended, and of the gateway when all is over and calm.

Rules: as those of `invariants`.
"""

from __future__ import annotations

import json
import re
from itertools import groupby
from typing import TYPE_CHECKING

from bench.simulation.heard import Heard, hear
from bench.simulation.pump import Asked

if TYPE_CHECKING:
    from bench.simulation.servers import Server
    from bench.simulation.world import World

__all__ = (
    "all_works_again_after_the_storm",
    "heard_by",
    "nobody_fails_who_could_have_been_served",
    "nothing_is_kept_at_rest",
    "quotas_are_free_at_rest",
    "shares_follow_weights",
    "the_answer_is_in_the_clients_format",
    "the_answer_is_of_one_attempt",
    "what_is_refused_for_now_says_when",
    "who_recovers_is_used_again",
)

_RECOVERED = 12.0
_OF_THE_DEMO = "This is the built-in demo"
_PIECE = re.compile(r"(\d+/\d+)\.\d+ ")


# At each end ----------------------------------------------------------------------------------------------------------


def the_answer_is_in_the_clients_format(world: World, asked: Asked, heard: Heard | str) -> str | None:
    """Whole, or told as broken, in the words of the client's own format."""
    return f"{heard} in {asked.head} {asked.body!r}" if isinstance(heard, str) else None


def the_answer_is_of_one_attempt(world: World, asked: Asked, heard: Heard | str) -> str | None:
    """What a client reads is what one call said, from its beginning, and all of it where the answer is whole. Choices
    may be of one call each; where `routing.resume` is on, what broke off may be followed by what another call said."""
    if isinstance(heard, str) or asked.guest.wire in ("tags", "embed", "embeddings") or not asked.attempts:
        return None
    said = [text for call in asked.attempts for text in call.said]
    resumes = world.gateway.config.routing.resume and asked.guest.n == 1
    for text in heard.texts.values():
        if not text or text.startswith(_OF_THE_DEMO):
            continue
        parts = ["".join(one.group() for one in pieces) for _, pieces in groupby(_PIECE.finditer(text), _whose)]
        whole = heard.fault is None
        known = all(any(one.startswith(part) for one in said) for part in parts)
        if "".join(parts) != text or not known or (whole and parts[-1] not in said) or (len(parts) > 1 and not resumes):
            return f"{text!r} is no call's answer: {said}"
    count = len(heard.texts) if heard.fault is None and said else asked.guest.n
    if asked.guest.n > 1 and count != asked.guest.n:
        return f"{count} choices, {asked.guest.n} were asked for"
    return None


def nobody_fails_who_could_have_been_served(world: World, asked: Asked, heard: Heard | str) -> str | None:
    """While a healthy candidate is there no request fails before its first byte, unless it is configured to."""
    if isinstance(heard, str) or heard.fault is None or any(heard.texts.values()) or _excused(world, asked, heard):
        return None
    for server in world.servers.values():
        if _could_serve(world, asked, server):
            status = asked.head.status if asked.head is not None else 0
            return f"{status} {heard.fault!r}, though {server.host.id} is well"
    return None


def what_is_refused_for_now_says_when(world: World, asked: Asked, heard: Heard | str) -> str | None:
    """A 503 of the gateway's own says when to come again."""
    head = asked.head
    if head is None or head.status != 503 or asked.attempts:
        return None
    told = {name.lower(): value for name, value in head.headers}.get("retry-after")
    if told is None or not told.isdigit():
        return f"503 with Retry-After {told}: {asked.body!r}"
    return None


# At rest --------------------------------------------------------------------------------------------------------------


def nothing_is_kept_at_rest(world: World) -> str | None:
    """With no request left every place, every count and every promise was given back."""
    gateway = world.gateway
    if gateway.admission.waiting:
        return f"{gateway.admission.waiting} wait"
    for id_, station in gateway.fleet.stations.items():
        if gateway.admission.running(id_) or gateway.admission.waiting_for(id_):
            return f"places of {id_} are taken"
        if station.running:
            return f"{station.running} run on {id_} for the planner"
        if any(gateway.machine.vram.keeping.use(id_, model).running for model in ("m", "other")):
            return f"a model on {id_} is in use"
    return None


def all_works_again_after_the_storm(world: World) -> str | None:
    """When the troubles are over each backend answers as many at once as it bears, at once."""
    for asked in world.after_all:
        heard = heard_by(asked)
        if isinstance(heard, str) or heard.fault is not None or len(asked.attempts) != 1:
            return f"{asked} for {asked.guest.target}: {len(asked.attempts)} calls, {heard}"
    return None


def quotas_are_free_at_rest(world: World) -> str | None:
    """After hours without a call no backend is spared any more."""
    if not world.after_all:
        return None
    for id_, quota in world.gateway.guards.quotas.items():
        wait = quota.wait(1.0, world.now + 3600.0)
        if wait > 0.0:
            return f"{id_} is spared for {wait:g} s"
    return None


def shares_follow_weights(world: World) -> str | None:
    """Where nothing is wrong a rotation gives each backend its share of the calls."""
    if world.scene.kind != "calm" or not world.after_all:
        return None
    calls = {id_: sum(call.asked not in world.after_all for call in one.calls) for id_, one in world.servers.items()}
    total, weight = sum(calls.values()), sum(server.host.weight for server in world.servers.values())
    for id_, server in world.servers.items():
        due = total * server.host.weight / weight
        if abs(calls[id_] - due) > 2.0:
            return f"{id_} gets {calls[id_]} of {total} calls, {due:g} are due"
    return None


def who_recovers_is_used_again(world: World) -> str | None:
    """A backend that comes back gets calls within one interval of the probes."""
    if world.scene.kind != "recovery":
        return None
    health = world.gateway.config.health
    for server in world.servers.values():
        for trouble in server.host.troubles:
            back = world.began + trouble.at + trouble.seconds
            until = back + health.interval + health.timeout + _RECOVERED
            asked = sum(back <= one.arrived <= until for one in world.all)
            if asked > _RECOVERED and not any(back <= call.made <= until for call in server.calls):
                return f"{server.host.id} came back at {back - world.began:g} and got none of {asked} requests"
    return None


def heard_by(asked: Asked) -> Heard | str:
    """The answer as its client reads it; why it cannot."""
    head = asked.head
    if head is None:
        return "no answer"
    if asked.guest.wire == "pull":  # it goes on as it came
        return Heard(fault=None if head.status == 200 else "none")
    if asked.guest.wire == "tags":
        return Heard() if head.status == 200 and "models" in json.loads(asked.body) else f"{asked.body!r}"
    kind = next((value for name, value in head.headers if name.lower() == "content-type"), "")
    try:
        return hear(asked.guest.wire, asked.guest.stream, head.status, kind, asked.body)
    except (ValueError, KeyError, TypeError, IndexError) as error:
        return f"{type(error).__name__}: {error}"


def _whose(piece: re.Match[str]) -> str:
    """Which call a piece of text comes from, and for which choice."""
    return piece.group(1)


def _excused(world: World, asked: Asked, heard: Heard) -> bool:
    """Whether a failure is what was configured or asked for."""
    config, guest = world.gateway.config, asked.guest
    policies = [config.retry.attempts, *(one.retry.attempts for one in config.backends or () if one.retry)]
    told = heard.fault or ""
    return bool(
        config.routing.fallback == "none"
        or guest.deadline is not None
        or len(asked.attempts) >= min(policies)  # no attempt is left
        or any(call.status in (400, 501) for call in asked.attempts)  # it is the request that is wrong
        or "maximum pending requests" in told  # the queue is full
        or "wait for a backend was too long" in told
        or ("rate limit of" in told and "every backend" not in told)  # the client's own limit
        or world.now - world.leapt < world.now - asked.arrived + _settling(world)
    )


def _settling(world: World) -> float:
    """How long a backend has to be well before it counts as that."""
    config = world.gateway.config
    return (config.health.interval + config.health.timeout) * (
        config.health.healthy_after + 1
    ) + config.breaker.recovery


def _embeds(world: World, id_: str, model: str) -> bool:
    """Whether a backend is known to embed with this model."""
    offers = world.gateway.catalog.find(model)
    return any(offer.backend == id_ and "embedding" in offer.capabilities for offer in offers)


def _could_serve(world: World, asked: Asked, server: Server) -> bool:
    """Whether this backend is well, known to be, and bound to serve this request."""
    host, guest = server.host, asked.guest
    models = {"m": "m", "other": "other", "first": "m" if host.id == "b0" else ""}
    return bool(
        models.get(guest.model, "") in host.models
        and (not guest.target or guest.target == host.id)
        and host.rate is None
        and not server.limited
        and (guest.wire not in ("embed", "embeddings") or _embeds(world, host.id, guest.model))
        and server.fine_since() <= asked.arrived - _settling(world)
        and asked.arrived - world.began > _settling(world)
        and all(call.asked is not asked for call in server.calls)
    )
