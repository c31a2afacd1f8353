"""What was promised of routing and of failure, as whoever reads the promise would try it: whole configurations, whole
requests, and what came of them. The table in docs/routing.md leads here and to the tests of the parts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.support.driving import Asked, Driven, driven, listing

from ollamux.config import load, parse_document, parse_dotenv, resolve_keys
from ollamux.gateway import Gateway
from ollamux.hardware.readings import Device, Readings

KEYS = {"OPENAI_API_KEY": "k", "ANTHROPIC_API_KEY": "k"}
WHOLE = {
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "ok"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 9, "completion_tokens": 40},
}
FUNCTION = """Write a Python function that parses nested JSON, with tests, and refactor this code as well:
```python
def parse(text):
    return eval(text)
```"""
CARD = {"type": "ollama", "hardware": "nvidia", "endpoint": "http://127.0.0.1:11436"}


def house(root: Path, name: str, env: Mapping[str, str] | None = None) -> Driven:
    """The gateway of a configuration in tests/data/config."""
    text = (root / "tests/data/config" / name).read_text(encoding="utf-8")
    known = dict(env or KEYS)
    layers = [] if name.endswith(".env") else [parse_document(text.encode(), name)]
    known |= parse_dotenv(text) if name.endswith(".env") else {}
    config = resolve_keys(load(layers, known), known, lambda path: path)
    return Driven(Gateway(config, instance="this-one"))


def learn(run: Driven, **models: list[str]) -> None:
    """What each backend lists, by its id with _ for -; who is not named lists nothing."""
    for chore in run.chores():
        run.tell(chore, listing(chore.path, models.get(chore.backend.replace("-", "_"), [])))


def ask(run: Driven, model: str = "m", text: str = "hi", path: str = "/api/chat", **headers: str) -> Asked:
    body = {"model": model, "messages": [{"role": "user", "content": text}], "stream": False}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return run.ask("POST", path, body, {"authorization": "Bearer k", **named})


def sent(asked: Asked) -> list[tuple[str, Any]]:
    """Whom it went to, and under which name."""
    return [(called.backend, called.json.get("model")) for called in asked.calls]


# Models and backends --------------------------------------------------------------------------------------------------


def test_a_model_that_the_first_backend_does_not_support_goes_to_the_one_that_does(root: Path) -> None:
    run = house(root, "local_first.yaml")
    learn(run, ollama_nvidia=["llama3:70b"], openai_gpt4=["gpt-4-turbo"])
    assert sent(ask(run, "gpt-4-turbo")) == [("openai-gpt4", "gpt-4-turbo")]
    assert sent(ask(run, "llama3:70b")) == [("ollama-nvidia", "llama3:70b")]


def test_simple_work_goes_to_the_small_device_complex_code_to_the_card_and_the_best_is_to_be_had(root: Path) -> None:
    run = house(root, "by_size.yaml")
    everything = ["qwen2.5:0.5b", "llama3:70b", "gpt-4-turbo"]
    learn(run, ollama_npu=everything, ollama_nvidia=everything, openai_gpt4=everything)
    assert sent(ask(run, "auto", "Hi, what time is it?")) == [("ollama-npu", "qwen2.5:0.5b")]
    assert sent(ask(run, "auto", FUNCTION)) == [("ollama-nvidia", "llama3:70b")]
    assert sent(ask(run, "auto:best", "Analyse this contract critically.")) == [("openai-gpt4", "gpt-4-turbo")]
    for model in everything:
        assert len(ask(run, model).calls) == 1


@pytest.mark.parametrize(
    ("model", "backend"),
    [
        ("gpt-4o", "openai"),
        ("gpt-3.5-turbo", "openai"),
        ("text-embedding-ada-002", "openai"),
        ("claude-3-sonnet", "anthropic"),
        ("claude-2.1", "anthropic"),
        ("claude-instant-1.2", "anthropic"),
        ("gemini-1.5-pro", "google"),
        ("palm-2", "google"),
        ("bison-001", "google"),
        ("gpt-4@your-resource.openai.azure.com", "azure"),
        ("anthropic.claude-v2", "aws_bedrock"),
        ("amazon.titan-text-express-v1", "aws_bedrock"),
        ("meta.llama3-70b-instruct-v1:0", "aws_bedrock"),
        ("llama3.2", "ollama"),
        ("mistral", "ollama"),
        ("codellama", "ollama"),
    ],
)
@pytest.mark.parametrize("strategy", ["capability_based", "model_based"])
def test_a_name_leads_to_the_vendor_whose_models_have_such_names(
    root: Path, model: str, backend: str, strategy: str
) -> None:
    run = house(root, "many_vendors.env", {"ROUTING_STRATEGY": strategy})
    for chore in run.chores():
        if chore.backend == "ollama":
            run.tell(chore, listing(chore.path, ["llama3.2", "mistral", "codellama"]))
    if "embedding" in model:
        asked = run.ask("POST", "/api/embed", {"model": model, "input": "hi"}, {"authorization": "Bearer k"})
    else:
        asked = ask(run, model)
    assert asked.asked[:1] == [backend] or asked.status == 401


def test_models_larger_than_a_backend_takes_and_excluded_ones_are_not_its_own() -> None:
    small = {"type": "ollama", "model_capability": {"max_model_size_gb": 2, "excluded_patterns": ["*vision*"]}}
    run = driven(learn=False, npu=small, big={"type": "ollama", "priority": 1})
    sizes = {"tiny": 1, "large": 8, "tiny-vision": 1}
    for chore in run.chores():
        rows = [{"name": name, "size": size * 10**9} for name, size in sizes.items()]
        run.tell(chore, {"models": rows if chore.path == "/api/tags" else []})
    assert {name: ask(run, name).asked for name in sizes} == {
        "tiny": ["npu"],
        "large": ["big"],
        "tiny-vision": ["big"],
    }


def test_of_two_equals_the_one_that_prefers_a_model_gets_it() -> None:
    run = driven(a="vllm", b={"type": "vllm", "model_capability": {"preferred_models": ["m"]}})
    assert ask(run).asked == ["b"]


def test_the_provider_that_a_header_names_answers_by_its_id_its_type_or_a_name_that_people_use() -> None:
    run = driven(a="vllm", b={"type": "anthropic", "api_key": "k", "models": ["m"], "priority": 1})
    for name in ("b", "anthropic", "Anthropic", "claude"):
        assert ask(run, x_provider=name).asked == ["b"]
    refused = ask(run, x_provider="nobody")
    assert refused.status == 400 and "anthropic, vllm" in refused.json["error"]
    explained = ask(run, path="/api/route", x_provider="b").json
    assert (explained["backend"], [each["by"] for each in explained["filtered"]]) == ("b", ["X-Provider"])
    run = driven(a="vllm", b={"type": "vllm", "model_prefix": "other/"})
    refused = ask(run, x_provider="b")
    assert refused.json["error"] == "X-Provider leaves no backend for 'm': it is served by a"


def test_the_region_that_a_header_names_is_where_it_goes() -> None:
    run = driven(us={"type": "vllm", "region": "us-east-1"}, eu={"type": "vllm", "region": "eu-west-1", "priority": 1})
    assert ask(run).asked == ["us"]
    assert ask(run, x_region="EU-west-1").asked == ["eu"]
    run = driven(
        {"routing": {"regions": ["eu-west-1"]}}, us={"type": "vllm"}, eu={"type": "vllm", "region": "eu-west-1"}
    )
    assert ask(run).asked == ["eu"]


# Strategies -----------------------------------------------------------------------------------------------------------


def test_requests_take_turns_over_all_that_serve_a_model() -> None:
    run = driven({"routing": {"strategy": "round_robin"}}, a="vllm", b="vllm", c="vllm")
    asked = []
    for _ in range(6):
        asked.append(ask(run))
        asked[-1].called.answer(200, WHOLE)
    assert [each.asked for each in asked] == [["a"], ["b"], ["c"]] * 2


def test_the_least_loaded_backend_gets_the_next_request() -> None:
    run = driven({"routing": {"strategy": "least_loaded"}}, a="vllm", b="vllm")
    first, second, third = ask(run), ask(run), ask(run)
    assert [first.asked, second.asked, third.asked] == [["a"], ["b"], ["a"]]
    second.called.answer(200, WHOLE)
    assert ask(run).asked == ["b"]


def test_the_fastest_backend_of_late_gets_the_next_request_and_that_follows_what_changes() -> None:
    run = driven({"routing": {"strategy": "fastest_response"}}, a="vllm", b="vllm")

    def timed(slow: str) -> None:
        for _ in range(40):
            for backend in ("a", "b"):
                asked = ask(run, x_target_backend=backend)
                run.pass_time(3.0 if backend == slow else 0.1)
                asked.called.answer(200, WHOLE)

    timed(slow="a")
    assert ask(run).asked == ["b"]
    timed(slow="b")
    assert ask(run).asked == ["a"]


def test_without_prices_the_cheapest_is_what_is_local_and_then_the_documented_order() -> None:
    vendors = ("aws_bedrock", "azure", "openai", "anthropic", "google", "openrouter")
    keys: dict[str, Any] = {"api_key": "k", "models": ["m"], "hardware": "cloud"}
    backends: dict[str, Any] = {kind: {"type": kind, **keys} for kind in vendors}
    backends["ollama"] = {"type": "ollama", "endpoint": "http://127.0.0.1:1"}
    run = driven({"routing": {"strategy": "cost_optimized"}, "retry": {"attempts": 9}}, **backends)
    asked = ask(run)
    while not asked.over and asked.called.open:
        asked.called.fail("refused")
    assert asked.asked == ["ollama", "openrouter", "google", "anthropic", "openai", "azure", "aws_bedrock"]


def test_load_balancing_can_be_switched_off() -> None:
    run = driven({"routing": {"load_balancing": False}}, a="vllm", b={"type": "vllm", "priority": 60}, c="vllm")
    assert [ask(run).asked for _ in range(3)] == [["b"]] * 3


# The client's constraints ---------------------------------------------------------------------------------------------


def three() -> Driven:
    """A card, a small device and a cloud, as they are commonly described."""

    def backend(watts: float, first: float, hardware: str) -> dict[str, Any]:
        told = {"power_watts": watts, "avg_latency_ms": first, "max_tokens_per_second": 50}
        return {"type": "vllm", "hardware": hardware, "characteristics": told}

    return driven(nvidia=backend(55, 150, "nvidia"), npu=backend(3, 800, "npu"), cloud=backend(0, 2000, "cloud"))


def test_what_is_critical_goes_to_the_quickest_and_what_is_to_save_power_to_the_thriftiest() -> None:
    run = three()
    assert ask(run, x_latency_critical="true").asked == ["nvidia"]
    assert ask(run, x_power_efficient="yes").asked == ["npu"]


def test_no_backend_above_the_watts_or_the_milliseconds_is_asked() -> None:
    run = three()
    assert ask(run, x_max_latency_ms="300").asked == ["nvidia"]
    assert ask(run, x_max_power_watts="10", x_max_latency_ms="1000").asked == ["npu"]
    refused = ask(run, x_max_power_watts="1", x_max_latency_ms="300")
    assert refused.status == 400 and "X-Max-" in refused.json["error"]


def test_an_answer_says_what_was_decided() -> None:
    asked = ask(three(), x_latency_critical="1")
    asked.called.answer(200, WHOLE)
    told = asked.headers
    assert (told["x-backend-used"], told["x-provider-used"]) == ("nvidia", "vllm")
    assert float(told["x-estimated-power-watts"]) == 55 and 0 < float(told["x-estimated-latency-ms"]) <= 150
    assert "nvidia" in told["x-routing-reason"] and set(told["x-alternatives"].split(", ")) == {"npu", "cloud"}


# The machine ----------------------------------------------------------------------------------------------------------


def test_a_device_that_is_too_hot_is_left_alone_until_it_has_cooled_down() -> None:
    run = driven(card=CARD, other={"type": "vllm", "priority": 1})

    def measure(degrees: float) -> None:
        run.gateway.sensed(Readings(devices=(Device(id="g", kind="nvidia", temperature=degrees),)), run.now)

    measure(60)
    assert ask(run).asked == ["card"]
    measure(86)
    assert ask(run).asked == ["other"]
    run.pass_time(60)
    measure(60)
    assert ask(run).asked == ["other"]  # two minutes are not over
    run.pass_time(61)
    measure(60)
    assert ask(run).asked == ["card"]


def test_a_cloud_knows_no_heat() -> None:
    run = driven(cloud={"type": "openai", "api_key": "k", "hardware": "cloud"})
    run.gateway.sensed(Readings(devices=(Device(id="g", kind="nvidia", temperature=99, throttling=True),)), run.now)
    assert ask(run).asked == ["cloud"]
    assert run.gateway.machine.condition("cloud").penalty == 0.0


@pytest.mark.parametrize(
    ("readings", "mode"),
    [
        (Readings(battery=15, on_battery=True), "UltraEfficiency"),
        (Readings(battery=45, on_battery=True), "Efficiency"),
        (Readings(hour=23), "Quiet"),
        (Readings(devices=(Device(id="g", kind="nvidia", temperature=80),), hour=12), "Efficiency"),
        (Readings(devices=(Device(id="g", kind="nvidia", fan=75),), hour=12), "Quiet"),
        (Readings(battery=90, on_battery=True, hour=12), "Balanced"),
        (Readings(hour=12), "Performance"),
    ],
)
def test_the_automatic_mode_follows_battery_hours_heat_and_fan(readings: Readings, mode: str) -> None:
    run = driven({"routing": {"efficiency": "Auto"}}, a="vllm")
    run.gateway.sensed(readings, run.now)
    told = run.ask("GET", "/efficiency").json
    assert (told["current_mode"], told["effective_mode"]) == ("Auto", mode)


def test_a_thrifty_mode_moves_requests_to_what_draws_less() -> None:
    run = three()
    assert ask(run).asked == ["nvidia"]
    chosen = run.ask("POST", "/efficiency", {"mode": "UltraEfficiency"})
    assert chosen.json["effective_mode"] == "UltraEfficiency"
    assert ask(run).asked in (["npu"], ["cloud"])
    run.ask("POST", "/efficiency", {"mode": "Performance"})
    assert ask(run).asked == ["nvidia"]


def test_a_thrifty_mode_comes_before_priority_and_a_request_may_still_say_what_it_cares_for() -> None:
    def backend(watts: float, first: float, priority: float) -> dict[str, Any]:
        told = {"power_watts": watts, "avg_latency_ms": first, "max_tokens_per_second": 50}
        return {"type": "vllm", "characteristics": told, "priority": priority}

    run = driven(card=backend(14, 150, 10), npu=backend(3, 800, 1))
    assert ask(run).asked == ["card"]
    run.ask("POST", "/efficiency", {"mode": "Efficiency"})
    assert ask(run).asked == ["npu"]
    assert ask(run, x_latency_critical="true").asked == ["card"]
    run.ask("POST", "/efficiency", {"mode": "Balanced"})
    assert ask(run).asked == ["card"]


# Failure --------------------------------------------------------------------------------------------------------------


def test_one_model_that_is_missing_does_not_take_its_backend_down() -> None:
    run = driven({"retry": {"attempts": 1}}, learn=False, a="vllm")
    run.learn(a=["m", "n"])
    for _ in range(20):
        ask(run, "n").called.answer(404, {"error": {"message": "no such model"}})
    assert ask(run).asked == ["a"]
    assert run.state("a")[0] == "ready"


def test_a_substitute_that_a_model_names_answers_where_nobody_else_is_left() -> None:
    models = {"claude-sonnet": {"backend": "c", "fallbacks": ["gpt-5", "m"]}, "gpt-5": {"backend": "o"}}
    run = driven(
        {"models": models},
        c={"type": "anthropic", "api_key": "k"},
        o={"type": "openai", "api_key": "k"},
        local="vllm",
    )
    asked = ask(run, "claude-sonnet")
    asked.called.fail("refused")
    asked.called.fail("refused")
    asked.called.answer(200, WHOLE)
    assert asked.asked == ["c", "o", "local"] and asked.status == 200


def test_a_backend_is_a_candidate_again_within_one_interval_of_its_recovery() -> None:
    run = driven(a="vllm", b={"type": "vllm", "priority": 1})
    for _ in range(3):
        run.pass_time(30)
        run.learn(a=None)
    assert ask(run).asked == ["b"]
    run.pass_time(30)
    run.learn()
    assert ask(run).asked == ["a"]


# Other gateways' clients ----------------------------------------------------------------------------------------------

REGISTRY = """\
models:
  gpt-high: {backend: azure, api_model: gpt-5, reasoning_effort: high, summary_level: detailed}
  claude-sonnet-4-5: {backend: anthropic, api_model: claude-sonnet-4.5-20250514, max_tokens: 8192}
"""


def registry(root: Path) -> Driven:
    """A registry of two models, for clients that show the service's key."""
    env = parse_dotenv((root / "tests/data/config/azure_and_anthropic.env").read_text(encoding="utf-8"))
    env["SERVICE_API_KEY"] = "k"
    config = resolve_keys(load([parse_document(REGISTRY.encode(), "models.yaml")], env), env, lambda path: path)
    return Driven(Gateway(config, instance="this-one"))


def test_a_registry_is_served_without_v1_to_clients_that_show_the_services_key(root: Path) -> None:
    run = registry(root)
    assert run.ask("GET", "/models").status == 401
    listed = run.ask("GET", "/models", headers={"authorization": "Bearer k"})
    run.pass_time(2)
    names = [row["id"] for row in listed.json["data"]]
    assert listed.json["object"] == "list" and {"gpt-high", "claude-sonnet-4-5"} <= set(names)
    body = {"messages": [{"role": "user", "content": "Hello!"}], "stream": True}
    refused = run.ask("POST", "/chat/completions", {**body, "model": "gpt-high"})
    assert refused.status == 401 and refused.calls == []
    azure = run.ask("POST", "/chat/completions", {**body, "model": "gpt-high"}, {"authorization": "Bearer k"}).called
    assert azure.backend == "azure" and "/responses" in azure.url
    assert azure.json["reasoning"] == {"effort": "high", "summary": "detailed"}
    claude = run.ask("POST", "/chat/completions", {**body, "model": "claude-sonnet-4-5"}, {"authorization": "Bearer k"})
    assert claude.called.backend == "anthropic" and claude.called.url.endswith("/v1/messages")
    assert (claude.called.json["model"], claude.called.json["max_tokens"]) == ("claude-sonnet-4.5-20250514", 8192)


def test_a_name_that_no_registry_has_is_refused_with_those_that_there_are(root: Path) -> None:
    body = {"model": "unknown-model", "messages": [{"role": "user", "content": "hi"}]}
    run = registry(root)
    asked = run.ask("POST", "/chat/completions", body, {"authorization": "Bearer k"})
    run.pass_time(2)
    error = asked.json["error"]
    assert (error["type"], error["param"], error["code"]) == ("invalid_request_error", "model", "model_not_found")
    assert "gpt-high" in error["message"] and "claude-sonnet-4-5" in error["message"]


def test_a_key_that_is_missing_is_told_as_a_matter_of_configuration() -> None:
    text = b"models: {claude-sonnet-4-5: {backend: anthropic}}"
    config = resolve_keys(load([parse_document(text, "models.yaml")], {}), {}, lambda path: path)
    body = {"model": "claude-sonnet-4-5", "messages": [{"role": "user", "content": "hi"}]}
    asked = Driven(Gateway(config, instance="this-one")).ask("POST", "/v1/chat/completions", body)
    error = asked.json["error"]
    assert error["type"] == "configuration_error"
    assert "ANTHROPIC_API_KEY is not set in the environment" in error["message"]


def test_one_router_of_many_vendors_is_told_by_three_variables() -> None:
    env = {
        "ROUTER_PROVIDER": "openai",
        "ROUTER_OPENAI_BASE_URL": "https://openrouter.ai/api/v1",
        "ROUTER_OPENAI_API_KEY": "sk-or-v1-your-key",
        "ROUTER_MODEL_PREFIX": "",
    }
    run = Driven(Gateway(resolve_keys(load([], env), env, lambda path: path), instance="this-one"))
    for chore in run.chores():
        run.tell(chore, listing(chore.path, ["anthropic/claude-3.5-sonnet", "openai/gpt-4o"]))
    for model in ("anthropic/claude-3.5-sonnet", "openai/gpt-4o"):
        called = ask(run, model).called
        assert (called.url, called.json["model"]) == ("https://openrouter.ai/api/v1/chat/completions", model)
        assert ("Authorization", "Bearer sk-or-v1-your-key") in called.call.headers
