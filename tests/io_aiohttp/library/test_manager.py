"""The backend manager: models, answers, health, and what happens when a backend fails."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest
from tests.support.library import as_ollama, as_openai, config, refuses, resets
from tests.support.scripted import Asked, Wire, backend, chunk, stream_head

from ollamux.config import ConfigError
from ollamux_aiohttp import (
    BackendConnectionError,
    BackendError,
    BackendManager,
    BackendTimeoutError,
    ModelNotFoundError,
)

MESSAGE = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]


def test_an_answer_is_the_same_kind_of_value_whichever_backend_gave_it() -> None:
    async def main() -> None:
        with (
            backend(as_ollama("Hel", "lo"), "llama3.2", style="ollama") as first,
            backend(as_openai("Hey"), "q") as other,
        ):
            async with BackendManager(
                config(ollama_local=first.url, other=("llama_cpp", other.url)), env={}
            ) as manager:
                response = await manager.generate_response(
                    "llama3.2", "And you?", MESSAGE, temperature=0.5, max_tokens=9
                )
                assert (response.content, response.model) == ("Hello", "llama3.2")
                assert (response.backend_id, response.backend_type) == ("ollama-local", "ollama")
                assert (response.prompt_tokens, response.completion_tokens, response.actual_tokens) == (7, 10, 10)
                assert (response.tokens_per_second, response.estimated_tokens) == (20.0, 2)
                assert response.response_time_ms >= 0 and response.finish_reason == "stop"
                assert response.raw_response["total_duration"] == 2_000_000_000 and str(response) == "Hello"
                sent = first.calls[0].json
                assert sent["options"] == {"temperature": 0.5, "num_predict": 9}
                assert sent["messages"] == [*MESSAGE, {"role": "user", "content": "And you?"}]
                response = await manager.generate_response("q", "x", system="Be brief.")
                assert (response.content, response.backend_id, response.backend_type) == ("Hey", "other", "llama_cpp")
                assert (response.prompt_tokens, response.completion_tokens) == (5, 3)
                assert other.calls[0].json["messages"][0] == {"role": "system", "content": "Be brief."}

    asyncio.run(main())


def test_a_stream_gives_text_as_it_comes_and_the_whole_answer_at_its_end() -> None:
    async def main() -> None:
        with backend(as_ollama("Hel", "lo"), "m", style="ollama") as up:
            async with BackendManager(config(a=up.url), env={}) as manager:
                stream = await manager.generate_response("m", "x", stream=True)
                assert stream.backend_id == "a"
                assert [piece async for piece in stream] == ["Hel", "lo"]
                response = await stream.response()
                assert (response.content, response.completion_tokens) == ("Hello", 10)

    asyncio.run(main())


def test_who_stops_listening_hangs_up_on_the_backend() -> None:
    left: list[bool] = []

    def endless(asked: Asked, wire: Wire) -> None:
        wire.send(stream_head("application/x-ndjson") + chunk(b'{"message":{"content":"x"},"done":false}\n'))
        left.append(wire.wait_for_peer_to_leave(10))

    async def main() -> None:
        with backend(endless, "m", style="ollama") as up:
            async with BackendManager(config(a=up.url), env={}) as manager:
                stream = await manager.generate_response("m", "x", stream=True)
                assert await anext(stream) == "x"
                await stream.aclose()
                for _ in range(100):
                    if left:
                        break
                    await asyncio.sleep(0.05)
                assert left == [True]

    asyncio.run(main())


def test_a_stream_that_nobody_holds_any_more_hangs_up_on_the_backend() -> None:
    left: list[bool] = []

    def endless(asked: Asked, wire: Wire) -> None:
        wire.send(stream_head("application/x-ndjson") + chunk(b'{"message":{"content":"x"},"done":false}\n'))
        left.append(wire.wait_for_peer_to_leave(10))

    async def main() -> None:
        with backend(endless, "m", style="ollama") as up:
            async with BackendManager(config(a=up.url), env={}) as manager:
                stream = await manager.generate_response("m", "x", stream=True)
                del stream
                gc.collect()
                for _ in range(100):
                    if left:
                        break
                    await asyncio.sleep(0.05)
                assert left == [True]

    asyncio.run(main())


def test_a_caller_that_is_cancelled_hangs_up_on_the_backend() -> None:
    left: list[bool] = []

    def silent(asked: Asked, wire: Wire) -> None:
        left.append(wire.wait_for_peer_to_leave(10))

    async def main() -> None:
        with backend(silent, "m", style="ollama") as up:
            async with BackendManager(config(a=up.url), env={}) as manager:
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(manager.generate_response("m", "x"), 0.3)
                for _ in range(100):
                    if left:
                        break
                    await asyncio.sleep(0.05)
                assert left == [True]

    asyncio.run(main())


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("failing", [resets, refuses(500), refuses(404), refuses(429), refuses(401)])
def test_the_preferred_backend_is_asked_first_and_the_others_when_it_fails(failing: Any, stream: bool) -> None:
    async def main() -> None:
        with backend(as_ollama("a"), style="ollama") as one, backend(as_ollama("b"), style="ollama") as two:
            async with BackendManager(config(one=one.url, two=two.url), env={}) as manager:
                response = await manager.generate_response("m", "x", preferred_backend="two")
                assert (response.content, response.backend_id, len(one.calls)) == ("b", "two", 0)
                two.script = failing
                if stream:
                    found = await manager.generate_response("m", "x", preferred_backend="two", stream=True)
                    response = await found.response()
                else:
                    response = await manager.generate_response("m", "x", preferred_backend="two")
                assert (response.content, response.backend_id) == ("a", "one")
                assert len(one.calls) == 1 and len(two.calls) >= 2  # a kept connection that is cut is tried anew

    asyncio.run(main())


def test_a_preferred_backend_without_the_model_or_that_is_not_well_is_passed_over() -> None:
    async def main() -> None:
        with backend(as_ollama("a"), "m", style="ollama") as one, backend(as_ollama("b"), "n", style="ollama") as two:
            settings = config(one=one.url, two=two.url, gone="http://127.0.0.1:9")
            async with BackendManager(settings, env={}) as manager:
                for preferred in ("two", "gone"):
                    response = await manager.generate_response("m", "x", preferred_backend=preferred)
                    assert response.backend_id == "one"
                with pytest.raises(BackendError, match=r"no backend 'three' \(there are: one, two, gone\)"):
                    await manager.generate_response("m", "x", preferred_backend="three")

    asyncio.run(main())


def test_what_the_request_got_wrong_is_not_tried_elsewhere() -> None:
    async def main() -> None:
        with backend(refuses(400), style="ollama") as one, backend(as_ollama("b"), style="ollama") as two:
            async with BackendManager(config(one=one.url, two=two.url), env={}) as manager:
                with pytest.raises(BackendError) as caught:
                    await manager.generate_response("m", "x", preferred_backend="one")
                assert caught.value.status == 400 and two.calls == []

    asyncio.run(main())


def test_errors_say_what_went_wrong_and_where() -> None:
    async def main() -> None:
        with backend(resets, "m", style="ollama") as up, backend(lambda asked, wire: None, "slow") as slow:
            settings = config(a=up.url, slow=("vllm", slow.url))
            settings["backends"]["slow"]["timeout"] = 0.3
            async with BackendManager(settings, env={}) as manager:
                with pytest.raises(ModelNotFoundError, match="model 'nope' not found"):
                    await manager.generate_response("nope", "x")
                with pytest.raises(BackendConnectionError, match="a"):
                    await manager.generate_response("m", "x")
                with pytest.raises(BackendTimeoutError, match="slow"):
                    await manager.generate_response("slow", "x")

    asyncio.run(main())


def test_a_stream_that_breaks_is_not_reported_as_one_that_ended() -> None:
    def breaks(asked: Asked, wire: Wire) -> None:
        wire.send(stream_head("application/x-ndjson") + chunk(b'{"message":{"content":"x"},"done":false}\n'))
        wire.reset()

    async def main() -> None:
        with backend(breaks, "m", style="ollama") as up:
            async with BackendManager(config(a=up.url), env={}) as manager:
                stream = await manager.generate_response("m", "x", stream=True)
                with pytest.raises(BackendError):
                    await stream.response()

    asyncio.run(main())


def test_models_of_backends_that_are_not_well_are_left_out() -> None:
    async def main() -> None:
        with backend(as_ollama("a"), "m", "n", style="ollama") as one, backend(as_openai("b"), "m") as two:
            settings = config(one=one.url, two=("llama_cpp", two.url), gone="http://127.0.0.1:9")
            async with BackendManager(settings, env={}) as manager:
                models = await manager.get_all_models()
                assert sorted((model.name, model.backend_id, model.backend_type) for model in models) == [
                    ("m", "one", "ollama"),
                    ("m", "two", "llama_cpp"),
                    ("n", "one", "ollama"),
                ]
                status = await manager.get_backend_status()
                assert status["gone"]["health"]["status"] == "unreachable"

    asyncio.run(main())


def test_calls_at_once_start_one_manager_and_are_answered_each() -> None:
    async def main() -> None:
        with backend(as_ollama("a"), "m", style="ollama") as up:
            manager = BackendManager(config(a=up.url), env={})
            found = await asyncio.gather(*(manager.generate_response("m", str(number)) for number in range(20)))
            assert [response.content for response in found] == ["a"] * 20
            assert [asked.path for asked in up.asked].count("/api/tags") == 1
            await manager.close()
            await manager.close()
            assert (await manager.generate_response("m", "again")).content == "a"
            await manager.close()

    asyncio.run(main())


def test_an_answer_larger_than_what_is_held_comes_whole_though_it_is_taken_slowly() -> None:
    words = ["x" * 50_000 for _ in range(20)]

    async def main() -> None:
        with backend(as_ollama(*words), "m", style="ollama") as up:
            async with BackendManager(config(a=up.url), env={}) as manager:
                stream = await manager.generate_response("m", "x", stream=True)
                await asyncio.sleep(0.3)
                assert sum([len(piece) async for piece in stream]) == 1_000_000

    asyncio.run(main())


def test_a_loop_that_ends_closes_the_manager_that_nobody_closed() -> None:
    async def main() -> None:
        manager = BackendManager(config(a=up.url), env={})
        await manager.generate_response("m", "x")

    with backend(as_ollama("a"), "m", style="ollama") as up:
        asyncio.run(main())
        gc.collect()  # what was left open would warn now, and a warning is an error


def test_a_manager_may_be_used_in_one_loop_after_another() -> None:
    with backend(as_ollama("a"), "m", style="ollama") as up:
        manager = BackendManager(config(a=up.url), env={})

        async def main() -> list[str]:
            return [str(each) for each in await asyncio.gather(*(manager.generate_response("m", "x") for _ in "ab"))]

        assert [asyncio.run(main()) for _ in range(3)] == [["a", "a"]] * 3


def test_keys_of_the_server_are_none_of_a_programs() -> None:
    async def main() -> None:
        settings = {"backends": {"demo": {"type": "demo"}}, "server": {"keys": [{"name": "k", "key": "secret"}]}}
        async with BackendManager(settings, env={}) as manager:
            assert (await manager.generate_response("demo", "Hello")).backend_type == "demo"

    asyncio.run(main())


def test_a_configuration_is_checked_without_starting_anything() -> None:
    manager = BackendManager({"backends": {"a": {"type": "ollama", "enabled": "perhaps", "timeout": -1}}}, env={})
    with pytest.raises(ConfigError) as caught:
        manager.validate_config()
    assert len(caught.value.problems) == 2
    assert BackendManager(config(a="http://localhost:1"), env={}).validate_config() == ()
