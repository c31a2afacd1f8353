"""Who hears what happens."""

from __future__ import annotations

from msgspec.structs import replace
from tests.support.driving import driven

from ollamux.news import CircuitChange, Decision, Feed, HealthChange, News

GOOD = Decision(
    at=1.0,
    request_id="r",
    format="ollama",
    operation="chat",
    model="m",
    backend="a",
    upstream="m",
    reason="",
    calls=1,
    failure="",
    status=200,
    waited=0.0,
    first_token=0.1,
    seconds=0.2,
)
FAILED = replace(GOOD, failure="timeout", status=504)
FELL_OVER = replace(GOOD, calls=2)
SICK = HealthChange(1.0, "a", "healthy", "unreachable", "nothing listens there")


def test_where_nobody_listens_nothing_need_be_made() -> None:
    feed = Feed()
    assert not feed.heard and not feed.detailed
    stop = feed.listen(lambda news: None, ordinary=False)
    assert feed.heard and not feed.detailed
    also = feed.listen(lambda news: None)
    assert feed.detailed
    also()
    assert feed.heard and not feed.detailed
    stop()
    stop()
    assert not feed.heard


def test_everybody_hears_what_went_wrong_and_ordinary_requests_those_who_want_to() -> None:
    feed = Feed()
    rare: list[News] = []
    every: list[News] = []
    feed.listen(rare.append, ordinary=False)
    feed.listen(every.append)
    for news in (GOOD, FAILED, SICK, FELL_OVER):
        feed.tell(news)
    assert rare == [FAILED, SICK, FELL_OVER]
    assert every == [GOOD, FAILED, SICK, FELL_OVER]


def test_a_listener_may_leave_while_it_listens() -> None:
    feed = Feed()
    heard: list[News] = []

    def once(news: News) -> None:
        heard.append(news)
        stop()

    stop = feed.listen(once)
    feed.tell(SICK)
    feed.tell(SICK)
    assert heard == [SICK]


def test_a_gateway_tells_of_each_change_of_health_once() -> None:
    run = driven(a="vllm", learn=False)
    heard: list[News] = []
    run.gateway.feed.listen(heard.append)
    run.learn(a=["m"])
    run.pass_time(30)
    run.learn(a=["m"])
    for _ in range(4):
        run.pass_time(30)
        run.learn(a=None)
    assert [(news.before, news.state, news.reason) for news in heard if isinstance(news, HealthChange)] == [
        ("unknown", "healthy", ""),
        ("healthy", "degraded", "nothing listens there"),
        ("degraded", "unreachable", "nothing listens there"),
    ]


def test_a_backend_that_a_supervisor_gives_up_is_told_when_its_turn_comes() -> None:
    run = driven(g={"type": "gguf", "file": "x.gguf"}, learn=False)
    heard: list[News] = []
    run.gateway.feed.listen(heard.append)
    run.gateway.locate("g", None, "the model is no GGUF")
    run.chores()
    assert [news.state for news in heard if isinstance(news, HealthChange)] == ["unreachable"]


def test_each_change_of_a_circuit_is_told_with_its_reason() -> None:
    run = driven({"retry": {"attempts": 1}, "breaker": {"successes": 1}}, a="vllm")
    heard: list[News] = []
    run.gateway.feed.listen(heard.append)
    for _ in range(5):
        run.chat(player=lambda called: called.answer(500, {"error": {"message": "no"}}))
    run.pass_time(60)
    run.chat(stream=False, player=lambda called: called.answer(200, {"choices": [{"message": {"content": "yes"}}]}))
    circuits = [news for news in heard if isinstance(news, CircuitChange)]
    assert [(news.model, news.before, news.state, news.reason) for news in circuits] == [
        ("", "closed", "open", "too many failures in a row"),
        ("m", "closed", "open", "too many failures in a row"),
        ("", "open", "half_open", "it is time for a trial"),
        ("m", "open", "half_open", "it is time for a trial"),
        ("", "half_open", "closed", "the trial calls went well"),
        ("m", "half_open", "closed", "the trial calls went well"),
    ]
    assert {news.backend for news in circuits} == {"a"}


def test_a_probe_that_half_opens_a_circuit_is_told() -> None:
    run = driven({"retry": {"attempts": 1}}, a="vllm")
    for _ in range(5):
        run.chat(player=lambda called: called.answer(500, {"error": {"message": "no"}}))
    heard: list[News] = []
    run.gateway.feed.listen(heard.append)
    run.pass_time(30)
    run.learn()
    told = [(news.before, news.state, news.reason) for news in heard if isinstance(news, CircuitChange)]
    assert told == [("open", "half_open", "a probe or a call was answered")] * 2
