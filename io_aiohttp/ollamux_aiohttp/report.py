"""`ollamux check` and `ollamux models`: is the configuration right, who answers, and what is served from where.

Strategy: the very server that would serve is made, on a free port of loopback, asked to look at every backend once,
and its gateway's report is shown. A `gguf` backend is judged by its file, for loading a model takes long.

Rules: exit status 0 is all well, 1 a backend that cannot be reached, 2 a configuration that is wrong. `--json` says the
same in one JSON object. Keys are never shown.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from ollamux.config import BackendConfig, Config
from ollamux.reports import BackendReport, ModelReport
from ollamux_aiohttp.gguf_header import NotGguf, read_header
from ollamux_aiohttp.llama_child import context_of
from ollamux_aiohttp.llama_supervisor import problem_of
from ollamux_aiohttp.screen import Paint, shown_endpoint, table
from ollamux_aiohttp.server import Server

__all__ = ("check_json", "check_text", "models_json", "models_text", "route_text", "status_of", "survey")

_MARGIN = 1.0
_MISCONFIGURED, _UNREACHABLE = 2, 1


async def survey(config: Config) -> tuple[BackendReport, ...]:
    """The report on every enabled backend of a configuration whose backends are resolved, each asked once."""
    server = Server(config)
    await server.start("127.0.0.1", 0)
    try:
        await server.refresh(config.health.timeout + _MARGIN)
        reports = server.gateway.report(0.0)
    finally:
        await server.stop(0.0)
    files = {backend.id: backend for backend in config.backends or () if backend.type == "gguf"}
    return tuple(_of_file(report, files[report.id]) if report.id in files else report for report in reports)


def status_of(reports: Sequence[BackendReport], problem: str | None = None) -> int:
    """The exit status for these reports; `problem` is what else is wrong with the configuration."""
    states = {report.state for report in reports}
    if problem is not None or "misconfigured" in states:
        return _MISCONFIGURED
    return 0 if states <= {"ready"} else _UNREACHABLE


def check_text(
    reports: Sequence[BackendReport], files: Sequence[str], notes: Sequence[str], problem: str | None, paint: Paint
) -> str:
    """What `check` prints."""
    lines = [f"Configuration: {', '.join(files) if files else 'no file, the defaults and the environment'}"]
    if problem is not None:
        lines.append(f"Problem: {problem}")
    lines += [f"Note: {note}" for note in notes]
    lines.append("")
    rows = [("BACKEND", "TYPE", "HARDWARE", "ENDPOINT", "STATE", "MODELS", "")]
    for report in reports:
        models = str(len(report.models)) if report.state == "ready" else "-"
        reason = "" if report.state == "ready" else report.reason
        where = shown_endpoint(report.endpoint)
        rows.append((report.id, report.type, report.hardware, where, report.state, models, reason))
    shown: list[tuple[str, ...]] = [*rows]
    if not any(report.hardware for report in reports):
        shown = [(*row[:2], *row[3:]) for row in rows]
    lines += table(shown, paint) if len(rows) > 1 else ["No backend is enabled."]
    return "\n".join(lines)


def check_json(
    reports: Sequence[BackendReport], files: Sequence[str], notes: Sequence[str], problem: str | None
) -> str:
    """The same as JSON: ok, files, problems, notes, backends."""
    return json.dumps(
        {
            "ok": status_of(reports, problem) == 0,
            "files": list(files),
            "problems": [problem] if problem is not None else [],
            "notes": list(notes),
            "backends": [
                {
                    "id": report.id,
                    "type": report.type,
                    "hardware": report.hardware or None,
                    "name": report.name,
                    "endpoint": shown_endpoint(report.endpoint),
                    "state": report.state,
                    "reason": report.reason,
                    "models": [model.name for model in report.models],
                }
                for report in reports
            ],
        },
        indent=2,
        ensure_ascii=False,
    )


def models_text(reports: Sequence[BackendReport], aliases: Mapping[str, str], paint: Paint) -> str:
    """What `models` prints."""
    rows = [("MODEL", "BACKEND", "CONTEXT", "CAPABILITIES", "SERVED AS")]
    for report in reports:
        for model in report.models:
            context = str(model.context_length) if model.context_length else "-"
            served_as = model.upstream if model.upstream != model.name else ""
            rows.append((model.name, report.id, context, ", ".join(sorted(model.capabilities)) or "-", served_as))
    rows += [(alias, "alias", "", "", target) for alias, target in aliases.items()]
    if len(rows) == 1:
        return "No model is served."
    return "\n".join(table(rows, paint))


def models_json(reports: Sequence[BackendReport], aliases: Mapping[str, str]) -> str:
    """The same as JSON: models, aliases."""
    models = [_model(report, model) for report in reports for model in report.models]
    return json.dumps({"models": models, "aliases": dict(aliases)}, indent=2, ensure_ascii=False)


def _model(report: BackendReport, model: ModelReport) -> dict[str, Any]:
    return {
        "name": model.name,
        "backend": report.id,
        "upstream": model.upstream,
        "capabilities": sorted(model.capabilities),
        "context_length": model.context_length,
        "loaded": model.loaded,
    }


def _of_file(report: BackendReport, backend: BackendConfig) -> BackendReport:
    """What is known of a model's file while nothing runs it."""
    path = Path(backend.file or "").expanduser()
    problem = problem_of(str(path))
    if problem is not None:
        return msgspec.structs.replace(report, endpoint=str(path), state="misconfigured", reason=problem, models=())
    model = ModelReport(path.stem, path.stem, frozenset(), _context(str(path), backend), False)
    models = report.models or (model,)
    return msgspec.structs.replace(report, endpoint=str(path), state="ready", reason="", models=models)


def _context(path: str, backend: BackendConfig) -> int | None:
    """The context that the file would be loaded with."""
    asked = backend.options.get("num_ctx")
    try:
        return context_of(asked if isinstance(asked, int) else None, read_header(path))
    except NotGguf:
        return None


def route_text(told: dict[str, Any]) -> str:
    """Where a request would go, as POST /api/route tells it: the reason, then a line for each backend."""
    lines = [str(told["reason"])]
    for place, each in enumerate(told["candidates"], 1):
        line = f"{place}. {each['backend']}  {each['model']}"
        if "state" in each:
            line += f"  {each['state']}, {each['estimated_latency_ms']:g} ms, score {each['score']:g}"
        lines.append(line)
    lines += [f"-  {each['backend']}  {each['model']}  left out by {each['by']}" for each in told["filtered"]]
    return "\n".join(lines)
