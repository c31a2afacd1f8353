"""The command line: `ollamux serve`, `check`, `models`, `efficiency`, `route`, `version`.

Strategy: arguments become flags of the configuration, the strongest of its layers; the commands themselves stand in
`serve` and `report`.

Rules: what was asked for goes to stdout, what went wrong to stderr, without a traceback; exit status 2 is a
configuration or a command line that is wrong, 1 something that failed.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import platform
import sys
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from ollamux import __version__, _build
from ollamux.config import ConfigError, bind_problem
from ollamux.errors import InvalidRequest
from ollamux.hardware.efficiency import AUTO, MODES, mode_called
from ollamux_aiohttp import EXTENSIONS
from ollamux_aiohttp.settings import Settings, read_settings

__all__ = ("main",)

_EPILOG = "Every setting can also stand in a file or in the environment; flags win."


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command. Returns the exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.command is None:
        parser.print_help()
        return 2
    try:
        status: int = options.run(options)
    except ConfigError as error:
        _tell_problems(error.problems, as_json=getattr(options, "json", False))
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        _say_no_more()
        return 1
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ollamux", description="One Ollama endpoint in front of every model you have.", epilog=_EPILOG
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="say which version runs, and exit")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")

    def command(name: str, text: str, run: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text, epilog=_EPILOG)
        added.set_defaults(run=run)
        return added

    def configured(added: argparse.ArgumentParser) -> argparse.ArgumentParser:
        added.add_argument(
            "--config", metavar="FILE", help="the configuration; else OLLAMUX_CONFIG, ./ollamux.yaml, ..."
        )
        return added

    serve = configured(command("serve", "Serve every model on one endpoint.", _serve))
    serve.add_argument("--host", help="the address to listen on (127.0.0.1)")
    serve.add_argument("--port", help="the port to listen on (11434, or 11435 beside an Ollama)")
    serve.add_argument("--workers", metavar="N", help="how many processes serve (1); limits are divided by it")
    serve.add_argument(
        "--gguf", metavar="FILE", action="append", default=[], help="serve this model file with llama.cpp"
    )
    serve.add_argument("--record", metavar="DIR", help="write every exchange into this folder, prompts and answers too")
    for name, text, run in (
        ("check", "Check the configuration and reach every backend.", _check),
        ("models", "List what is served, and from where.", _models),
    ):
        configured(command(name, text, run)).add_argument("--json", action="store_true", help="print JSON")
    efficiency = configured(
        command("efficiency", "Say which efficiency mode the running server is in, or choose another.", _efficiency)
    )
    efficiency.add_argument("mode", metavar="MODE", nargs="?", help=f"one of {', '.join((*MODES, AUTO))}")
    efficiency.add_argument("--json", action="store_true", help="print JSON")
    route = configured(command("route", "Say where the running server would send a request, and why.", _route))
    route.add_argument("model", metavar="MODEL", help="the model's name")
    route.add_argument("--prompt", metavar="TEXT", default="Hello", help="what is asked (Hello)")
    route.add_argument(
        "-H",
        "--header",
        metavar="HEADER",
        action="append",
        default=[],
        help="a header: X-Max-Latency-Ms: 500",
    )
    route.add_argument("--json", action="store_true", help="print JSON")
    command("version", "Say which version runs.", _print_version)
    return parser


class _Version(argparse.Action):
    """Says the version when it is asked for: to know it takes longer than to start."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        _say(_version())
        parser.exit()


def _serve(options: argparse.Namespace) -> int:
    gc.disable()  # next to nothing that starting makes is garbage: a server collects it when it listens
    try:
        return _serving(options)
    finally:
        gc.enable()


def _serving(options: argparse.Namespace) -> int:
    from ollamux_aiohttp.llama_supervisor import problem_of
    from ollamux_aiohttp.logs import set_up
    from ollamux_aiohttp.screen import Paint
    from ollamux_aiohttp.serve import PortTaken, resolve, serve

    flags = {f"server.{name}": getattr(options, name) for name in ("host", "port", "workers")}
    settings = read_settings(options.config, flags)
    problems = [problem for file in options.gguf if (problem := problem_of(os.path.expanduser(file)))]
    if problem := bind_problem(settings.config):
        problems.append(problem)
    if settings.config.server.workers > 1 and not hasattr(os, "fork"):
        problems.append("server.workers: this system cannot fork a process, so one is all there can be")
    if problems:
        raise ConfigError(*problems)
    set_up(settings.config.logging)

    record = Path(options.record).expanduser() if options.record else None

    async def run() -> None:
        config, notes = await resolve(settings.config, tuple(options.gguf))
        await serve(config, notes, _say, Paint(sys.stdout), record)

    try:
        if settings.config.server.workers > 1:
            from ollamux_aiohttp.workers.serving import serve_in_several

            # On a loop that leaves nothing behind: workers are forks of this process.
            config, notes = asyncio.run(resolve(settings.config, tuple(options.gguf)))
            gc.enable()  # in this process, which starts the others and stays
            return serve_in_several(config, notes, _say, Paint(sys.stdout), record, run=_run)
        _run(run())
    except PortTaken as error:
        print(f"ollamux: {error}", file=sys.stderr)
        return 1
    return 0


def _check(options: argparse.Namespace) -> int:
    from ollamux_aiohttp import report
    from ollamux_aiohttp.screen import Paint

    settings = read_settings(options.config)
    reports, notes = _run(_survey(settings))
    problem = bind_problem(settings.config)
    if options.json:
        print(report.check_json(reports, settings.files, notes, problem))
    else:
        print(report.check_text(reports, settings.files, notes, problem, Paint(sys.stdout)))
    return report.status_of(reports, problem)


def _models(options: argparse.Namespace) -> int:
    from ollamux_aiohttp import report
    from ollamux_aiohttp.screen import Paint

    settings = read_settings(options.config)
    reports, _ = _run(_survey(settings))
    aliases = settings.config.aliases
    if options.json:
        print(report.models_json(reports, aliases))
    else:
        print(report.models_text(reports, aliases, Paint(sys.stdout)))
        for one in reports:
            if one.state != "ready":
                print(f"{one.id}: {one.state}: {one.reason}", file=sys.stderr)
    return 0


def _efficiency(options: argparse.Namespace) -> int:
    import json

    from ollamux_aiohttp.remote import NotThere, Refused, ask

    try:
        body = {"mode": mode_called(options.mode)} if options.mode is not None else None
    except InvalidRequest as error:
        print(f"ollamux: {error.message}", file=sys.stderr)
        return 2
    try:
        told = ask(read_settings(options.config).config, "POST" if body else "GET", "/efficiency", body)
    except (NotThere, Refused) as error:
        print(f"ollamux: {error}", file=sys.stderr)
        return 1
    if options.json:
        print(json.dumps(told, indent=2, ensure_ascii=False))
    else:
        print(f"{told.get('current_mode')}: {told.get('description')}")
    return 0


def _route(options: argparse.Namespace) -> int:
    import json

    from ollamux_aiohttp.remote import NotThere, Refused, ask
    from ollamux_aiohttp.report import route_text

    body = {"model": options.model, "messages": [{"role": "user", "content": options.prompt}]}
    headers: dict[str, str] = {}
    for line in options.header:
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            print(f"ollamux: {line!r} is no header: expected NAME: VALUE", file=sys.stderr)
            return 2
        headers[name.strip()] = value.strip()
    try:
        told = ask(read_settings(options.config).config, "POST", "/api/route", body, headers)
    except (NotThere, Refused) as error:
        print(f"ollamux: {error}", file=sys.stderr)
        return 1
    print(json.dumps(told, indent=2, ensure_ascii=False) if options.json else route_text(told))
    return 0


async def _survey(settings: Settings) -> Any:
    from ollamux_aiohttp.report import survey
    from ollamux_aiohttp.serve import resolve

    config, notes = await resolve(settings.config)
    return await survey(config), (*notes, *config.notes)


def _print_version(options: argparse.Namespace) -> int:
    print(_version())
    return 0


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    build = _build.describe((*_build.EXTENSIONS, *EXTENSIONS))
    parts = [f"ollamux {__version__} ({build} build)", f"python {platform.python_version()}"]
    for package in ("aiohttp", "uvloop"):
        try:
            parts.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            parts.append(f"no {package}")
    return ", ".join(parts)


def _run(work: Coroutine[Any, Any, Any]) -> Any:
    """Runs a coroutine to its end, on uvloop where it is installed."""
    try:
        from uvloop import new_event_loop
    except ImportError:
        new_event_loop = asyncio.new_event_loop  # type: ignore[assignment]
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(work)


def _say(text: str) -> None:
    try:
        print(text, flush=True)
    except BrokenPipeError:
        _say_no_more()


def _say_no_more() -> None:
    """Whoever read our output has gone; stdout must not be flushed once more at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _tell_problems(problems: Sequence[str], *, as_json: bool) -> None:
    if as_json:
        import json

        print(json.dumps({"ok": False, "problems": list(problems)}, indent=2, ensure_ascii=False))
        return
    head = "ollamux: the configuration cannot be used:" if len(problems) > 1 else "ollamux:"
    separator = "\n  " if len(problems) > 1 else " "
    print(separator.join([head, *problems]), file=sys.stderr)
