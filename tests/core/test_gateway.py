"""The gateway: the order of its checks, its background work, and what it reports."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from tests.support.driving import Asked, Driven, driven

from ollamux.contract import ClientRequest
from ollamux.errors import TooLarge
from ollamux.exchange import Settled
from ollamux.formats.openai_responses import SERVING
from ollamux.hardware.readings import Device, Readings
from ollamux.models import Inventory, Loaded, ModelInfo

KEY = {"name": "k", "key_sha256": hashlib.sha256(b"s3cret").hexdigest(), "scopes": ["inference"]}
ADMIN = {"name": "a", "key_sha256": hashlib.sha256(b"boss").hexdigest(), "scopes": ["inference", "manage"]}
PAGE = {"origin": "http://localhost:3000"}


def simple(**settings: Any) -> Driven:
    return driven(settings, demo="demo")


def names(asked: Asked) -> list[str]:
    return [name for name, _ in (*asked.heads[0].headers, *asked.exchange.extra_headers)]


# What is answered at once ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/", b"Ollama is running"),
        ("HEAD", "/", b"Ollama is running"),
        ("GET", "/api/version", b'{"version":"0.33.0"}'),
        ("HEAD", "/api/version", b'{"version":"0.33.0"}'),
        ("GET", "/api/status", b'{"cloud":{"disabled":false,"source":"none"}}'),
        ("GET", "/api/experimental/model-recommendations", b'{"recommendations":[]}'),
        ("GET", "/health", b'{"status":"ok"}'),
        ("GET", "/healthz", b"ok"),
        ("GET", "/readyz", b"ready: 1/1 backends healthy"),
    ],
)
def test_what_needs_no_backend_is_answered_at_once(method: str, path: str, body: bytes) -> None:
    asked = simple().ask(method, path)
    assert (asked.status, asked.body) == (200, body)


def test_lists_and_greetings_tell_other_gateways_what_this_is() -> None:
    run = simple()
    for path in ("/", "/api/version", "/api/tags", "/api/ps"):
        assert run.ask("GET", path).headers["x-ollamux"] == "this-one"
    assert [row["name"] for row in run.ask("GET", "/api/tags").json["models"]] == ["demo:latest"]
    assert [row["name"] for row in run.ask("GET", "/api/ps").json["models"]] == ["demo:latest"]


def test_it_is_ready_as_soon_as_one_backend_is() -> None:
    run = driven(a="vllm", b="vllm", learn=False)
    asked = run.ask("GET", "/readyz")
    assert (asked.status, asked.body) == (503, b"ready: 0/2 backends healthy")
    run.learn(a=["m"], b=None)
    asked = run.ask("GET", "/readyz")
    assert (asked.status, asked.body) == (200, b"ready: 1/2 backends healthy")


def test_health_says_by_its_status_whether_any_backend_can_be_used() -> None:
    run = driven(a="vllm", b="vllm", learn=False)
    assert run.ask("GET", "/health").status == 200  # neither has said anything against it
    run.learn(a=None, b=None)
    asked = run.ask("GET", "/health")
    assert (asked.status, asked.json) == (503, {"status": "unavailable"})
    assert asked.headers["content-type"].startswith("application/json")
    run.gateway.backend("b").health.good()
    assert run.ask("GET", "/health").json == {"status": "ok"}


# The router's own answers ---------------------------------------------------------------------------------------------


def test_an_unknown_path_is_gins_404_page() -> None:
    asked = simple().ask("GET", "/nothing")
    assert (asked.status, asked.body, asked.headers["content-type"]) == (404, b"404 page not found", "text/plain")


def test_a_wrong_method_says_which_ones_there_are() -> None:
    asked = simple().ask("GET", "/api/chat")
    assert (asked.status, asked.body, asked.headers["allow"]) == (405, b"405 method not allowed", "POST")


def test_a_trailing_slash_leads_to_the_path_without_it() -> None:
    run = simple()
    asked = run.ask("GET", '/api/tags/?a=b&c="><i>')
    assert asked.status == 301 and asked.headers["location"] == '/api/tags?a=b&c="><i>'
    assert b"<i>" not in asked.body
    asked = run.ask("POST", "/api/chat/", {})
    assert (asked.status, asked.headers["location"], asked.body) == (307, "/api/chat", b"")


def test_a_redirect_writes_no_line_of_the_head_that_the_path_dictates() -> None:
    asked = simple().ask("HEAD", "/api/blobs/a%0d%0aset-cookie:x/")
    assert asked.status == 307 and asked.headers["location"] == "/api/blobs/a%0D%0Aset-cookie:x"


def test_a_path_may_be_percent_encoded() -> None:
    run = driven(o="ollama")
    run.ask("POST", "/api/%70ull", {"model": "x"}).called.answer(200, {})
    assert run.gateway.hurry


# Origin, Host, keys, in that order ------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/api/tags", "/nothing", "/api/chat"])
def test_a_page_from_elsewhere_is_forbidden_on_every_path(path: str) -> None:
    asked = simple().ask("GET", path, headers={"origin": "http://evil.example"})
    assert (asked.status, asked.body) == (403, b"")


def test_a_page_of_this_machine_is_answered_with_its_origin() -> None:
    asked = simple().ask("GET", "/api/tags", headers=PAGE)
    assert asked.status == 200 and asked.headers["access-control-allow-origin"] == PAGE["origin"]
    asked = simple().ask("GET", "/nothing", headers=PAGE)
    assert asked.status == 404 and asked.headers["access-control-allow-origin"] == PAGE["origin"]


def test_a_preflight_is_answered_on_any_path_and_names_what_may_be_sent() -> None:
    for path in ("/api/chat", "/nothing"):
        asked = simple().ask("OPTIONS", path, headers=PAGE)
        assert asked.status == 204 and "Access-Control-Allow-Methods" in names(asked)
        assert names(asked).count("Vary") == 3


def test_options_without_an_origin_is_answered_to_a_name_and_refused_to_an_address() -> None:
    run = simple()
    assert run.ask("OPTIONS", "/api/chat", headers={"host": "localhost:1"}).status == 204
    assert run.ask("OPTIONS", "/api/chat", headers={"host": "127.0.0.1:1"}).status == 405
    assert run.ask("OPTIONS", "/nothing", headers={"host": "localhost:1"}).status == 404


def test_a_host_that_is_not_this_machine_is_forbidden_even_for_a_path_that_is_not_there() -> None:
    run = simple()
    for path in ("/api/tags", "/", "/nothing"):
        asked = run.ask("GET", path, headers={"host": "evil.example"})
        assert (asked.status, asked.body) == (403, b"")
    assert run.ask("GET", "/", headers={"host": "8.8.8.8"}).status == 403
    run = simple(server={"allowed_hosts": ["evil.example"]})
    assert run.ask("GET", "/", headers={"host": "evil.example"}).status == 200


def test_with_keys_configured_what_is_open_stays_open_and_all_else_wants_one() -> None:
    run = simple(server={"keys": [KEY, ADMIN]})
    assert [run.ask("GET", path).status for path in ("/", "/health", "/healthz", "/readyz")] == [200] * 4
    asked = run.ask("GET", "/api/tags")
    assert (asked.status, asked.json) == (401, {"error": "invalid or missing API key"})
    assert asked.headers["www-authenticate"] == "Bearer"
    assert run.ask("GET", "/api/tags", headers={"authorization": "Bearer s3cret"}).status == 200
    assert run.ask("GET", "/api/tags?key=s3cret").status == 200
    asked = run.ask("POST", "/v1/chat/completions", {})
    assert asked.status == 401 and asked.json["error"]["message"] == "invalid or missing API key"


def test_a_key_may_be_configured_as_its_text() -> None:
    run = simple(server={"keys": [{"name": "plain", "key": "s3cret"}]})
    assert run.ask("GET", "/api/tags", headers={"x-api-key": "s3cret"}).status == 200
    assert run.ask("GET", "/api/tags", headers={"x-api-key": "plain"}).status == 401


def test_what_changes_models_wants_the_scope_for_it() -> None:
    run = driven({"server": {"keys": [KEY, ADMIN]}}, o="ollama")
    asked = run.ask("POST", "/api/pull", {"model": "x"}, {"x-api-key": "s3cret"})
    assert asked.status == 403 and "manage" in asked.json["error"] and asked.calls == []
    assert run.ask("POST", "/api/pull", {"model": "x"}, {"x-api-key": "boss"}).asked == ["o"]


def test_a_valid_key_opens_the_door_whatever_the_host_but_a_wrong_one_does_not() -> None:
    run = simple(server={"keys": [KEY]})
    host = {"host": "gateway.example"}
    assert run.ask("GET", "/api/tags", headers={**host, "x-api-key": "s3cret"}).status == 200
    assert run.ask("GET", "/api/tags", headers={**host, "x-api-key": "other"}).status == 403


def test_a_request_that_comes_back_to_this_gateway_is_a_loop() -> None:
    run = simple()
    for path, headers in (("/api/chat", {}), ("/api/chat", PAGE), ("/v1/chat/completions", {})):
        asked = run.ask("POST", path, {"model": "demo"}, {"x-ollamux-via": "this-one", **headers})
        assert asked.status == 508 and asked.calls == []
    assert run.ask("GET", "/", headers={"x-ollamux-via": "another"}).status == 200


def test_a_body_that_could_not_be_read_is_refused_in_the_format_of_its_path_and_the_connection_closed() -> None:
    run = simple()
    for path in ("/api/chat", "/v1/chat/completions", "/nothing"):
        asked = Asked(run, run.gateway.refuse(path, TooLarge("too large")), None)
        asked.do(asked.exchange.start(run.now))
        assert asked.status == 413 and "too large" in str(asked.json) and asked.end is not None and asked.end.close


def test_only_blobs_stream_in() -> None:
    gateway = simple().gateway
    assert gateway.body_streams("POST", "/api/blobs/sha256:x")
    assert not gateway.body_streams("HEAD", "/api/blobs/sha256:x") and not gateway.body_streams("POST", "/api/chat")


def test_a_page_of_the_front_is_behind_the_checks_that_all_paths_are_behind() -> None:
    run = simple(server={"keys": [KEY]})
    run.gateway.mount("/mine", lambda request, now: Settled(200, (), request.path.encode()))
    assert run.ask("GET", "/mine").status == 401
    asked = run.ask("GET", "/mine?a", headers={"authorization": "Bearer s3cret"})
    assert (asked.status, asked.body) == (200, b"/mine?a")
    assert not run.gateway.body_streams("GET", "/mine")


def test_a_page_that_stands_apart_is_told_from_requests_that_come_whole() -> None:
    gateway = simple().gateway
    gateway.mount("/mine", lambda request, now: Settled(200, (), b""), apart=True)
    assert gateway.body_streams("GET", "/mine?a=b") and not gateway.body_streams("GET", "/other")


# Files ----------------------------------------------------------------------------------------------------------------


def test_the_options_that_a_file_is_loaded_with_are_none_of_its_requests() -> None:
    loading = {"num_ctx": 4096, "num_thread": 4, "num_gpu": 1, "num_batch": 64, "num_parallel": 2, "main_gpu": 0}
    run = driven(file={"type": "gguf", "file": "/x/m.gguf", "options": {**loading, "temperature": 0.5}}, learn=False)
    run.gateway.locate("file", "http://127.0.0.1:9")
    run.learn()
    asked = run.chat(stream=False)
    assert asked.called.json["temperature"] == 0.5
    asked.called.answer(200, {"choices": [{"index": 0, "message": {"role": "assistant", "content": "x"}}]})
    assert asked.status == 200 and "x-ollamux-warning" not in asked.headers


@pytest.mark.parametrize("model", ["small", "SMALL:latest", "named"])
def test_a_model_whose_file_is_being_loaded_is_on_its_way_and_not_unknown(model: str) -> None:
    file = {"type": "gguf", "file": "/models/small.gguf"}
    run = driven({"models": {"named": {"backend": "file", "api_model": "small"}}}, file=file, learn=False)
    run.gateway.locate("file", None, "the model is being loaded", loading=True)
    for path in ("/api/chat", "/v1/chat/completions"):
        asked = run.ask("POST", path, {"model": model, "think": True, "messages": [{"role": "user", "content": "hi"}]})
        assert asked.status == 503 and asked.headers["retry-after"] == "5"
        assert b"backend 'file' is not available yet: the model is being loaded" in asked.body
    run.gateway.locate("file", None, "there is no such file")
    asked = run.chat(model)
    assert (asked.status, asked.json) == (503, {"error": "backend 'file' is not available: there is no such file"})
    run.gateway.locate("file", "http://127.0.0.1:9")
    assert run.chat(model).called.json["model"] == "small"
    run.learn(file="small")
    assert run.chat(model).called.json["model"] == "small"
    assert run.chat("other").status == 404


# What is kept ---------------------------------------------------------------------------------------------------------


def test_a_response_that_was_kept_is_found_listed_and_forgotten_by_its_owner_alone() -> None:
    run = simple()
    mine, other = {"authorization": "Bearer one"}, {"authorization": "Bearer two"}
    made = run.ask("POST", "/v1/responses", {"model": "demo", "input": "hello"}, mine)
    assert made.status == 200, made.body
    path = f"/v1/responses/{made.json['id']}"
    found = run.ask("GET", path, headers=mine)
    assert (found.status, found.json["output"]) == (200, made.json["output"])
    assert found.headers["content-type"] == "application/json" and found.headers["x-ollamux"] == "this-one"
    items = run.ask("GET", f"{path}/input_items", headers=mine).json
    assert items["object"] == "list" and "hello" in str(items["data"])
    for method, rest in (("GET", ""), ("GET", "/input_items"), ("DELETE", "")):
        assert run.ask(method, path + rest, headers=other).status == 404
    assert run.ask("DELETE", path, headers=mine).json["deleted"] is True
    gone = run.ask("GET", path, headers=mine)
    assert gone.status == 404 and gone.json["error"]["message"]
    assert run.ask("POST", path, {}).status == 405


def test_each_gateway_keeps_responses_of_its_own_and_no_more_than_it_is_told() -> None:
    made = {"model": "demo", "input": "hello"}
    run, other = simple(responses={"size": 1, "ttl": "10s"}), simple()
    ids = [run.ask("POST", "/v1/responses", made).json["id"] for _ in range(2)]

    def status(of: Driven, id_: str) -> int:
        return of.ask("GET", f"/v1/responses/{id_}").status

    assert [status(run, id_) for id_ in ids] == [404, 200]
    assert status(other, ids[1]) == 404
    run.pass_time(11.0)
    assert status(run, ids[1]) == 404


def test_a_front_without_paths_keeps_responses_where_the_paths_find_them() -> None:
    run = simple()
    request = ClientRequest("POST", "", {}, b'{"model": "demo", "input": "hello"}')
    asked = Asked(run, run.gateway.open(request, run.now, SERVING), None)
    asked.do(asked.exchange.start(run.now))
    assert run.ask("GET", f"/v1/responses/{asked.json['id']}").status == 200


def test_a_response_that_its_backend_keeps_is_asked_for_there_where_it_is_gone_here_and_deleted_there_too() -> None:
    settings = {"models": {"m": {"backend": "o", "api_model": "up"}}, "responses": {"size": 1}}
    run = driven(settings, o={"type": "openai", "api_key": "k"})
    mine, other = {"authorization": "Bearer one"}, {"authorization": "Bearer two"}
    for id_ in ("resp_1", "resp_2"):
        made = run.ask("POST", "/v1/responses", {"model": "m", "input": "hello"}, mine)
        told: dict[str, Any] = {"id": id_, "object": "response", "status": "completed", "model": "up", "output": []}
        made.called.answer(200, told)
    assert run.ask("GET", "/v1/responses/resp_2", headers=mine).calls == []
    asked = run.ask("GET", "/v1/responses/resp_1", headers=mine)
    assert asked.called.url.endswith("/responses/resp_1")
    asked.called.answer(200, {"id": "resp_1"})
    assert asked.json == {"id": "resp_1"}
    assert run.ask("GET", "/v1/responses/resp_1", headers=other).status == 404
    items = run.ask("GET", "/v1/responses/resp_1/input_items?limit=2", headers=mine)
    assert items.called.url.endswith("/responses/resp_1/input_items?limit=2")
    gone = run.ask("DELETE", "/v1/responses/resp_2", headers=mine)
    assert gone.called.call.method == "DELETE" and gone.called.url.endswith("/responses/resp_2")
    gone.called.answer(200, {"id": "resp_2", "deleted": True})
    assert gone.json["deleted"] is True


# Hardware -------------------------------------------------------------------------------------------------------------


def test_heat_costs_a_backend_points_and_rules_it_out_until_it_has_cooled_down() -> None:
    run = driven(a={"type": "ollama", "hardware": "nvidia", "endpoint": "http://127.0.0.1:9"}, b="vllm")
    station = run.gateway.fleet.stations["a"]
    for degrees, now in ((80.0, 0.0), (91.0, 5.0), (50.0, 500.0)):
        device = Device(id="gpu-0", kind="nvidia", temperature=degrees, power=44.0)
        run.gateway.sensed(Readings(devices=(device,), hour=12), now)
        if degrees == 80.0:
            assert station.heat > 0 and station.watts == 44.0 and not station.blocked
        elif degrees == 91.0:
            assert station.blocked and "91" in station.excluded_by and station.excluded_until > 5.0
    assert (station.heat, station.excluded_by, station.blocked) == (0.0, "", False)
    assert run.gateway.fleet.stations["b"].heat == 0.0


def test_a_mode_costs_points_where_a_backend_is_beyond_its_limits() -> None:
    run = driven(a={"type": "ollama", "hardware": "cpu", "characteristics": {"power_watts": 40}})
    station = run.gateway.fleet.stations["a"]
    assert (station.heat, station.watts) == (0.0, 40.0)
    run.gateway.choose_efficiency("Quiet")
    assert station.heat > 0
    run.gateway.choose_efficiency("Performance")
    assert station.heat == 0.0


def test_what_a_backend_has_in_memory_is_counted_on_its_device() -> None:
    run = driven(a={"type": "ollama", "hardware": "nvidia", "endpoint": "http://127.0.0.1:9"})
    device = Device(id="gpu-0", kind="nvidia", vram_total=24 * 2**30, vram_used=2**30)
    run.gateway.sensed(Readings(devices=(device,), hour=12), 0.0)
    loaded = Loaded(name="m", size=5 * 2**30, size_vram=5 * 2**30, context_length=4096)
    run.gateway.stock(run.gateway.backend("a"), Inventory(models=(ModelInfo(name="m"),), loaded=(loaded,)))
    (usage,) = run.gateway.machine.vram.usage()
    assert (usage.used, [each.model for each in usage.models]) == (5 * 2**30, ["m"])


@pytest.mark.parametrize(("told", "kind"), [({}, "application/x-ndjson"), ({"stream": False}, "application/json")])
def test_a_client_of_ollama_gets_what_is_configured_where_it_does_not_say(told: dict[str, Any], kind: str) -> None:
    house = driven({"response_optimization": told}, demo="demo")
    asked = house.chat("demo")
    assert asked.headers["content-type"].startswith(kind)
