"""Requests with different wishes share one loaded model."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ollamux.exchange.sharing import begun, ended
from ollamux.formats.asking import Incoming
from ollamux.formats.base import Outgoing
from ollamux.hardware.keeping import Keeping
from ollamux.models import Inventory, Loaded, ModelInfo


def loaded(context: int) -> Inventory:
    model = Loaded(name="m", context_length=context, expires=4e9)
    return Inventory(models=(ModelInfo(name="m"),), loaded=(model,))


def keeping(context: int) -> Keeping:
    """Of a backend with a model in memory."""
    found = Keeping()
    found.told("o", loaded(context))
    return found


def incoming(keep_alive: float | None = None) -> Incoming:
    asked = Incoming()
    asked.keep_alive = keep_alive
    return asked


def sent(kept: Keeping, body: Any, keep_alive: float | None = None, stay: float | None = None, now: float = 0.0) -> Any:
    """What goes out of a call that is over at once."""
    asked = incoming(keep_alive)
    out = begun(kept, "o", "m", asked, stay, Outgoing("/api/chat", json.dumps(body).encode()), now)
    ended(kept, "o", "m", asked, now)
    return json.loads(out.body)


def test_less_context_than_is_loaded_is_raised_to_that_and_more_is_left_alone() -> None:
    kept = keeping(8192)
    assert sent(kept, {"options": {"num_ctx": 2048, "top_k": 1}}) == {"options": {"num_ctx": 8192, "top_k": 1}}
    assert sent(kept, {"options": {"num_ctx": 16384}}) == {"options": {"num_ctx": 16384}}


def test_a_request_that_fits_goes_out_as_it_came() -> None:
    out = Outgoing("/api/chat", b'{ "model" : "m" }', warnings=("x",))
    assert begun(keeping(8192), "o", "m", incoming(), None, out, 0.0) is out


def test_the_longer_stay_holds_and_a_configured_one_counts_for_those_that_name_none() -> None:
    kept = keeping(8192)
    assert sent(kept, {"keep_alive": 3600}, 3600.0) == {"keep_alive": 3600}
    assert sent(kept, {"keep_alive": 60}, 60.0, now=600.0) == {"keep_alive": 3000.0}
    assert sent(kept, {"keep_alive": 1200}, None, 1200.0, now=1000.0) == {"keep_alive": 2600.0}


def test_after_a_request_that_wanted_the_model_gone_nothing_binds_the_next() -> None:
    kept = keeping(8192)
    sent(kept, {"keep_alive": 3600}, 3600.0)
    assert sent(kept, {"keep_alive": 0, "options": {"num_ctx": 2048}}, 0.0)["keep_alive"] == 0
    assert sent(kept, {"options": {"num_ctx": 2048}}) == {"options": {"num_ctx": 2048}}


@pytest.mark.parametrize("options", [{"num_ctx": "many"}, [1], ["num_ctx"]])
def test_options_that_are_none_go_out_as_they_came(options: Any) -> None:
    kept = Keeping()
    sent(kept, {})
    kept.told("o", loaded(4096))  # so that is the default
    sent(kept, {"options": {"num_ctx": 8192}})
    assert sent(kept, {})["options"] == {"num_ctx": 8192}
    assert sent(kept, {"options": options}) == {"options": options}


def test_a_model_is_in_use_from_the_beginning_of_a_call_to_its_end() -> None:
    kept = keeping(8192)
    asked = incoming()
    begun(kept, "o", "m", asked, None, Outgoing("/api/chat", b"{}"), 1.0)
    assert (kept.use("o", "m").running, kept.use("o", "m").used_at) == (1, 1.0)
    ended(kept, "o", "m", asked, 3.0)
    assert (kept.use("o", "m").running, kept.use("o", "m").used_at) == (0, 3.0)
