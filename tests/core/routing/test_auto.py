"""Requests that leave the choice of the model to the gateway."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.fleets import another

from ollamux.config import Price
from ollamux.conversation import Operation
from ollamux.errors import InvalidRequest
from ollamux.models import ModelInfo
from ollamux.routing.auto import FLAVOURS, Auto, families, flavour_of, size_of
from ollamux.routing.catalog import Offer
from ollamux.routing.patterns import PatternTable
from ollamux.routing.requirements import Requirements
from ollamux.routing.workload import KINDS

CHAT = frozenset({"completion"})


def offer(
    name: str,
    backend: str = "home",
    *more: str,
    price: tuple[float, float] | None = None,
    length: int | None = None,
    priority: float = 50.0,
    info: ModelInfo | None = None,
    only: frozenset[str] = CHAT,
) -> Offer:
    return Offer(
        name=name,
        upstream=name,
        backend=backend,
        priority=priority,
        info=info or ModelInfo(name=name),
        capabilities=only | set(more),
        told=True,
        context_length=length,
        options={},
        digest="",
        rank=(-priority, 0),
        price=Price(input=price[0], output=price[1]) if price is not None else None,
    )


SMALL = offer("qwen2.5:0.5b")
FAIR = offer("llama3.2:3b", "home", "tools")
CODER = offer("qwen2.5-coder:7b", "home", "tools")
SEER = offer("llava:13b", "home", "vision")
LARGE = offer("llama3.3:70b", "big", "tools")
CLOUD = offer("claude-opus-5", "anthropic", "tools", "vision", "thinking", price=(5, 25), length=1_000_000)
QUICK = offer("gpt-5-nano", "openai", "tools", "vision", price=(0.05, 0.4), length=400_000)
DEAR = offer("gpt-5-pro", "openai", "tools", "vision", "thinking")
ALL = [SMALL, FAIR, CODER, SEER, LARGE, CLOUD, QUICK, DEAR]
HOME = frozenset({"home", "big"})


def asked(
    text: str = "hi", *needs: str, tokens: int = 10, operation: Operation = "chat", truncates: bool = False
) -> Requirements:
    return Requirements(
        operation=operation, needs=CHAT | set(needs), context_tokens=tokens, texts=(text,), truncates=truncates
    )


def chosen(flavour: str, request: Requirements, offers: list[Offer] = ALL, **more: object) -> list[str]:
    return [found.name for found in Auto(offers, local=HOME).choose(flavour, request, **more)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "total", "active"),
    [
        ("llama3:70b", 70, 70),
        ("qwen2.5:0.5b", 0.5, 0.5),
        ("mixtral:8x7b", 56, 14),
        ("mixtral-8x22b-instruct", 176, 44),
        ("qwen3:30b-a3b", 30, 3),
        ("Qwen/Qwen3-235B-A22B", 235, 22),
        ("gemma3n:e4b", 4, 4),
        ("smollm2:135m", 0.135, 0.135),
        ("qwen2.5-coder:1.5b-base-q4_K_M", 1.5, 1.5),
        ("meta-llama/Llama-3.3-70B-Instruct", 70, 70),
        ("deepseek-r1-distill-llama-70b:8b", 8, 8),
        ("kimi-k2:1t", 1000, 1000),
        ("phi3:3.8b-mini-128k-instruct-q4_0", 3.8, 3.8),
        ("llama3", 0, 0),
        ("gpt-4o", 0, 0),
        ("model-4bit", 0, 0),
        ("nomic-embed-text:v1.5", 0, 0),
        ("", 0, 0),
    ],
)
def test_a_name_tells_the_size_of_its_model(name: str, total: float, active: float) -> None:
    assert size_of(name) == (total, active)


@given(st.text())
def test_any_name_tells_a_size_or_none(name: str) -> None:
    assert size_of(name).total >= 0
    assert flavour_of(name) is None or flavour_of(name) in FLAVOURS


@pytest.mark.parametrize(
    ("name", "flavour"),
    [
        ("auto", ""),
        (" AUTO ", ""),
        ("auto:latest", ""),
        ("auto:code", "code"),
        ("Auto:Cheap", "cheap"),
        ("auto:", None),
        ("auto:nonsense", None),
        ("auto:7b", None),
        ("openrouter/auto", None),
        ("automatic", None),
        ("llama3:70b", None),
    ],
)
def test_a_flavour_is_told_from_the_name_of_a_model(name: str, flavour: str | None) -> None:
    assert flavour_of(name) == flavour


def test_what_is_simple_goes_to_a_small_model_and_what_is_hard_to_a_large_one() -> None:
    assert chosen("", asked("hi"))[0] == "llama3.2:3b"
    hard = "Prove rigorously that there are infinitely many primes, derive each step and explain why it is complete."
    assert asked(hard).workload.complexity == "complex"
    assert chosen("", asked(hard))[0] in ("llama3.3:70b", "claude-opus-5")


def test_code_goes_to_a_model_that_is_made_for_it() -> None:
    assert chosen("", asked("Write a Python function that merges overlapping intervals"))[0] == "qwen2.5-coder:7b"
    assert chosen("code", asked("hi"))[0] == "qwen2.5-coder:7b"
    assert chosen("chat", asked("hi"))[0] != "qwen2.5-coder:7b"


def test_reasoning_goes_to_a_model_that_is_made_for_it_where_there_is_one() -> None:
    offers = [offer("llama3.1:8b"), offer("deepseek-r1:8b", "home", "thinking"), offer("qwen2.5-coder:7b")]
    assert chosen("reasoning", asked("a train leaves at nine"), offers)[0] == "deepseek-r1:8b"


def test_what_a_request_needs_is_never_missing() -> None:
    for flavour in FLAVOURS:
        for found in Auto(ALL, local=HOME).choose(flavour, asked("hi", "tools")):
            assert "tools" in found.capabilities
    assert set(chosen("", asked("hi", "vision"))) == {"llava:13b", "claude-opus-5", "gpt-5-nano", "gpt-5-pro"}
    assert chosen("vision", asked("hi"))[0] == "llava:13b"
    assert chosen("", asked("hi", "audio")) == []


def test_vectors_come_from_a_model_that_makes_them() -> None:
    embedder = offer("nomic-embed-text", only=frozenset({"embedding"}))
    request = Requirements(operation="embed", needs=frozenset({"embedding"}))
    assert [found.name for found in Auto([*ALL, embedder]).choose("", request)] == ["nomic-embed-text"]


def test_cheap_goes_by_the_price_and_what_is_at_home_costs_nothing() -> None:
    paid = [DEAR, CLOUD, QUICK]
    assert chosen("cheap", asked(), paid) == ["gpt-5-nano", "claude-opus-5", "gpt-5-pro"]
    assert set(chosen("cheap", asked())[:5]) == {found.name for found in ALL if found.backend in HOME}


def test_cheap_is_not_so_cheap_that_it_is_of_no_use() -> None:
    hard = asked(
        "Derive the Black-Scholes equation, prove each step rigorously, and discuss every assumption in detail."
    )
    assert chosen("cheap", hard)[0] == "llama3.3:70b"


def test_fast_goes_by_what_was_measured_and_else_by_the_size() -> None:
    assert chosen("fast", asked(), [LARGE, FAIR, SMALL])[0] == "qwen2.5:0.5b"
    speeds = {"llama3.3:70b": 900.0}
    measured = chosen("fast", asked(), [LARGE, FAIR, SMALL], speed=lambda found: speeds.get(found.name), is_loaded=bool)
    assert measured[0] == "llama3.3:70b"


def test_fast_waits_for_no_model_to_load() -> None:
    one, other = offer("a:7b"), offer("b:8b")
    assert chosen("fast", asked(), [one, other], is_loaded=lambda found: found is other) == ["b:8b", "a:7b"]
    assert chosen("", asked(), [one, other], is_loaded=lambda found: found is other)[0] == "b:8b"


def test_local_never_leaves_the_house_not_even_for_a_model_that_a_local_server_runs_elsewhere() -> None:
    elsewhere = offer("gpt-oss:120b-cloud")
    names = chosen("local", asked(), [elsewhere, *ALL])
    assert names and set(names) == {found.name for found in ALL if found.backend in HOME}
    assert chosen("local", asked(), [CLOUD, elsewhere]) == []
    assert "gpt-oss:120b-cloud" in chosen("cloud", asked(), [elsewhere, *ALL])


def test_best_is_the_strongest_and_long_the_longest() -> None:
    assert chosen("best", asked("solve this equation"))[0] == "claude-opus-5"
    assert chosen("long", asked())[:2] == ["claude-opus-5", "gpt-5-nano"]


def test_a_prompt_has_to_fit() -> None:
    short, longer = offer("a:3b", length=2000), offer("b:70b", length=100_000)
    assert chosen("", asked(tokens=100), [short, longer])[0] == "a:3b"
    assert chosen("", asked(tokens=2500), [short, longer]) == ["b:70b", "a:3b"]
    assert chosen("", asked(tokens=9000), [short, longer]) == ["b:70b"]
    assert chosen("", asked(tokens=9000, truncates=True), [short, longer]) == ["b:70b", "a:3b"]
    with pytest.raises(InvalidRequest) as caught:
        chosen("", asked(tokens=10**6), [short, longer])
    assert caught.value.code == "context_length_exceeded" and "b:70b" in caught.value.message


def test_what_a_backend_prefers_and_what_it_ranks_first_counts() -> None:
    one, other = offer("a:3b"), offer("b:3b", "second")
    liked = Auto([one, other], local={"home", "second"}, preferred={"second": PatternTable([("b*", True)])})
    assert [found.name for found in liked.choose("", asked())] == ["b:3b", "a:3b"]
    assert chosen("", asked(), [one, offer("b:3b", priority=90)])[0] == "b:3b"


def test_what_the_backend_tells_of_the_size_goes_before_the_name() -> None:
    told = offer("tiny", info=ModelInfo(name="tiny", parameter_count=70_000_000_000))
    spelled = offer("some", info=ModelInfo(name="some", parameter_size="3.2B"))
    assert chosen("", asked("hi"), [told, spelled])[0] == "some"
    assert chosen("best", asked("hi"), [spelled, told])[0] == "tiny"


def test_offers_of_one_model_stand_together() -> None:
    offers = [offer("a:3b"), offer("b:4b"), offer("a:3b", "cloud", price=(1, 1)), offer("b:4b", "big")]
    names = chosen("", asked(), offers)
    assert names in (["a:3b", "a:3b", "b:4b", "b:4b"], ["b:4b", "b:4b", "a:3b", "a:3b"])


@given(st.permutations(ALL), st.sampled_from(sorted(FLAVOURS)), st.sampled_from(["hi", "prove it", "def f(): pass"]))
def test_the_choice_hangs_on_no_order_but_of_equals(offers: list[Offer], flavour: str, text: str) -> None:
    request = asked(text)
    assert chosen(flavour, request, offers) == chosen(flavour, request)
    assert chosen(flavour, request, offers) == chosen(flavour, request, offers)


def test_equals_stay_as_they_were_configured() -> None:
    same = [offer("a:3b"), offer("b:3b"), offer("c:3b")]
    assert chosen("", asked(), same) == ["a:3b", "b:3b", "c:3b"]
    assert chosen("", asked(), same[::-1]) == ["c:3b", "b:3b", "a:3b"]


def test_the_reason_says_what_the_choice_went_by() -> None:
    auto = Auto(ALL, local=HOME)
    request = asked("Write a Python function that merges overlapping intervals")
    assert auto.reason("", request, CODER) == ("auto chose qwen2.5-coder:7b: moderate code, 7B, made for code, local")
    assert auto.reason("cheap", asked(), QUICK) == "auto:cheap chose gpt-5-nano: simple plain, by price, 4B"


def test_the_table_of_families_says_where_each_row_was_read() -> None:
    assert families()
    for family in families():
        assert re.fullmatch(r"https://\S+|its name", family.source) and re.fullmatch(r"20\d\d-\d\d-\d\d", family.read)
        assert family.names and set(family.strengths) <= set(KINDS) and set(family.strengths.values()) <= {1, 2}
        assert all(name == name.lower() for name in family.names)


def test_what_two_names_mean_on_one_backend_is_one_candidate() -> None:
    other = another(FAIR, name="mine")
    assert len(chosen("", asked("hi"), [FAIR, other])) == 1
