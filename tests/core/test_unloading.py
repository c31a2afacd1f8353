"""Models that go so that others fit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.support.driving import Asked, Driven, driven, line

from ollamux.hardware.readings import Device, Readings
from ollamux.hardware.vram import GIB
from ollamux.news import News, Unloaded

SIZES = {"small": 2, "middle": 5, "large": 10}
OLLAMA = {"type": "ollama", "hardware": "nvidia", "endpoint": "http://127.0.0.1:11434"}
LLAMA = {"type": "llama_cpp", "hardware": "nvidia", "endpoint": "http://127.0.0.1:8080"}


def house(*loaded: str, vram: Mapping[str, Any] | None = None, gib: int = 15, **more: Any) -> Driven:
    """An Ollama `o` on a card of so many GiB, with these models in its memory."""
    run = driven({"vram": dict(vram or {})}, learn=False, o=OLLAMA, **more)
    learn(run, *loaded)
    measure(run, gib)
    return run


def learn(run: Driven, *loaded: str) -> None:
    """What the Ollama has, and what of it is loaded; a llama.cpp has the model `fixed`."""
    tags = [{"name": f"{name}:latest", "size": int(size * GIB / 1.2)} for name, size in SIZES.items()]
    for chore in run.chores():
        if chore.path == "/api/ps":
            rows = [
                {"name": f"{name}:latest", "size": SIZES[name] * GIB, "size_vram": SIZES[name] * GIB} for name in loaded
            ]
            run.tell(chore, {"models": [{**row, "expires_at": "2026-01-02T03:05:00Z"} for row in rows]})
        elif chore.path == "/api/tags":
            run.tell(chore, {"models": tags})
        elif chore.path == "/props":
            run.tell(chore, {}, status=404)
        else:
            run.tell(chore, {"data": [{"id": "fixed", "meta": {"size": 12 * GIB}}]})


def measure(run: Driven, gib: int = 15, used: int | None = None) -> None:
    device = Device(id="nvidia:0", kind="nvidia", vram_total=gib * GIB, vram_used=used)
    run.gateway.sensed(Readings(devices=(device,)), run.now)


def unloads(run: Driven) -> list[Any]:
    """The unloads that are due."""
    return [chore for chore in run.chores() if chore.model]


def answer(asked: Asked) -> str:
    asked.called.stream(line("hi"), line(done=True), kind="application/x-ndjson")
    return asked.text


def test_a_model_that_does_not_fit_is_called_when_what_is_in_its_way_has_gone() -> None:
    run = house("large")
    asked = run.chat("middle")
    assert asked.calls == []
    (chore,) = unloads(run)
    assert (chore.call.method, chore.call.url) == ("POST", "http://127.0.0.1:11434/api/generate")
    assert chore.call.body == b'{"model":"large:latest","keep_alive":0,"stream":false}'
    run.tell(chore, {"done_reason": "unload"})
    assert answer(asked) == "hi"


def test_a_model_that_fits_or_is_loaded_is_called_at_once() -> None:
    run = house("large")
    assert answer(run.chat("small")) == "hi"
    assert answer(run.chat("large")) == "hi"
    assert unloads(run) == []


def test_the_largest_goes_first_or_what_was_used_least_recently() -> None:
    run = house("large", "middle", vram={"strategy": "largest"}, gib=17)
    run.chat("small")
    assert [chore.model for chore in unloads(run)] == ["large:latest"]
    run = house("large", "middle", gib=17)
    answer(run.chat("large"))
    run.chat("small")
    assert [chore.model for chore in unloads(run)] == ["middle:latest"]


def test_what_is_pinned_stays_and_the_request_goes_out_all_the_same() -> None:
    run = house("large", vram={"pinned": ["large*"]})
    assert answer(run.chat("middle")) == "hi"
    assert unloads(run) == []


def test_what_is_answering_stays() -> None:
    run = house("large")
    run.chat("large")
    assert len(run.chat("middle").calls) == 1
    assert unloads(run) == []


def test_a_backend_that_cannot_unload_is_not_asked_and_its_memory_counts() -> None:
    run = house("small", l=LLAMA)
    assert answer(run.chat("large")) == "hi"  # llama.cpp holds 12 GiB of 15, so nothing would help
    assert unloads(run) == []


def test_nothing_goes_where_it_is_switched_off_or_the_memory_is_not_known() -> None:
    run = house("large", vram={"unload": False})
    assert answer(run.chat("middle")) == "hi"
    run = driven(learn=False, o=OLLAMA)
    learn(run, "large")
    assert answer(run.chat("middle")) == "hi"


def test_a_request_that_takes_a_model_out_of_memory_needs_no_room() -> None:
    run = house("large")
    asked = run.ask("POST", "/api/generate", {"model": "middle", "keep_alive": 0})
    assert unloads(run) == [] and len(asked.calls) == 1


def test_those_who_want_the_same_model_wait_together() -> None:
    run = house("large")
    asked = [run.chat("middle"), run.chat("middle")]
    (chore,) = unloads(run)
    assert [len(each.calls) for each in asked] == [0, 0]
    run.tell(chore, {"done_reason": "unload"})
    assert [len(each.calls) for each in asked] == [1, 1]


def test_an_unload_that_fails_or_takes_too_long_holds_nobody_up() -> None:
    run = house("large")
    asked = run.chat("middle")
    (chore,) = unloads(run)
    run.tell(chore, None)
    assert answer(asked) == "hi"
    run = house("large")
    asked = run.chat("middle")
    run.pass_time(11)
    assert answer(asked) == "hi"


def test_a_client_that_leaves_meanwhile_is_forgotten() -> None:
    run = house("large")
    asked = run.chat("middle")
    (chore,) = unloads(run)
    asked.leave()
    run.tell(chore, {"done_reason": "unload"})
    assert asked.calls == [] and run.running == 0


def test_two_models_that_do_not_fit_together_do_not_drive_each_other_out_all_the_time() -> None:
    run = house("large")
    asked = run.chat("middle")
    (chore,) = unloads(run)
    run.tell(chore, {"done_reason": "unload"})
    answer(asked)
    run.pass_time(5)
    learn(run, "large")  # somebody else has loaded it again
    assert len(run.chat("middle").calls) == 1 and unloads(run) == []


def test_a_backend_is_asked_at_once_what_it_holds_after_a_model_has_gone() -> None:
    run = house("large")
    run.chat("middle")
    (chore,) = unloads(run)
    run.tell(chore, {"done_reason": "unload"})
    assert [due.path for due in run.chores()] == ["/api/tags", "/api/ps"]


def test_models_go_where_a_device_is_fuller_than_it_may_be() -> None:
    run = house("small", "large", vram={"threshold": 90}, gib=20)
    answer(run.chat("large"))
    measure(run, 13)
    (chore,) = unloads(run)
    assert chore.model == "small:latest"
    measure(run, 13)
    assert unloads(run) == []  # one at a time
    run.tell(chore, {"done_reason": "unload"})
    run.pass_time(10)
    measure(run, 13)
    assert unloads(run) == []


def test_what_goes_is_told_with_its_reason() -> None:
    run = house("large")
    heard: list[News] = []
    run.gateway.feed.listen(heard.append)
    asked = run.chat("middle")
    run.tell(unloads(run)[0], {"done_reason": "unload"})
    answer(asked)
    run.pass_time(60)
    learn(run, "large")
    run.chat("middle")
    run.tell(unloads(run)[0], {"error": "no"}, status=500)
    why = "to make room for 'middle:latest' on 'o'"
    told = [news for news in heard if isinstance(news, Unloaded)]
    assert [(news.backend, news.model, news.size, news.reason) for news in told] == [
        ("o", "large:latest", 10 * GIB, why)
    ] * 2
    assert [news.failure for news in told] == ["", "it answered with status 500"]


def test_a_list_of_models_tells_which_fit_and_what_would_have_to_go() -> None:
    run = house("large")
    asked = run.ask("GET", "/api/models")
    run.pass_time(2)
    told = {row["name"]: (row["fits"], row["unloads"]) for row in asked.json["models"]}
    gone = [{"backend_id": "o", "name": "large:latest"}]
    assert told == {"small:latest": (True, []), "middle:latest": (True, gone), "large:latest": (True, [])}
    assert run.ask("GET", "/thermal").json["memory"] == [
        {
            "devices": ["nvidia:0"],
            "total_bytes": 15 * GIB,
            "used_bytes": 10 * GIB,
            "free_bytes": 5 * GIB - GIB // 2,
            "used_percent": 66.7,
            "models": [{"backend": "o", "model": "large:latest", "bytes": 10 * GIB, "stays": False}],
        }
    ]
