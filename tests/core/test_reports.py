"""What people are told of every backend."""

from __future__ import annotations

from tests.support.driving import driven


def test_the_report_tells_people_what_each_backend_is_and_has() -> None:
    run = driven(a={"type": "vllm", "name": "The big one", "model_prefix": "p/"}, demo="demo")
    big, demo = run.gateway.report(run.now)
    assert (big.id, big.type, big.name, big.endpoint, big.state) == ("a", "vllm", "The big one", "http://a:1", "ready")
    assert [(model.name, model.upstream, model.loaded) for model in big.models] == [("p/m", "m", True)]
    assert (demo.endpoint, demo.models[0].name) == ("built in", "demo")
    assert "tools" in demo.models[0].capabilities and demo.models[0].context_length
