"""What `ollamux serve` shows a person: the start-up screen, and news of a model that takes long to load.

Strategy: texts are made from the gateway's report alone, and nothing is printed here; whoever owns the terminal does.

Rules: plain text, at most three colours, and those on a terminal alone that did not say NO_COLOR; no line carries a
key; the first command shown can be pasted as it stands.
"""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, TextIO
from urllib.parse import urlsplit

from ollamux_aiohttp.llama_supervisor import LOADING

if TYPE_CHECKING:
    from ollamux.config import ServerTls
    from ollamux.reports import BackendReport, ModelReport

__all__ = ("Handle", "LoadNews", "Paint", "shown_endpoint", "start_screen", "table", "url_of")

_SHOWN_MODELS = 3
_LONG_LOAD = 2.0
_DEFAULT_PORT = 11434
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}
_COLOURS = {"ready": "32", "checking": "33", "unreachable": "31", "misconfigured": "31", "strong": "1"}


class Paint:
    """Colours a word by what it says, where the stream can show colours."""

    def __init__(self, stream: TextIO, environ: Mapping[str, str] | None = None) -> None:
        env = os.environ if environ is None else environ
        self._on = stream.isatty() and not env.get("NO_COLOR") and env.get("TERM") != "dumb"

    def __call__(self, text: str, meaning: str | None = None) -> str:
        """`meaning` is a state or `strong`; the text itself where absent."""
        code = _COLOURS.get(meaning or text.strip())
        return f"\033[{code}m{text}\033[0m" if self._on and code else text


def start_screen(
    reports: Sequence[BackendReport],
    host: str,
    port: int,
    *,
    guarded: bool,
    notes: Sequence[str],
    paint: Paint,
    tls: ServerTls | None = None,
) -> str:
    """The whole screen. `guarded` says that clients need a key, `tls` how they are served where not in the clear;
    `notes` are lines about choices that were made."""
    everywhere = " (every address of this machine)" if host in _EVERYWHERE else ""
    lines = [f"{paint('ollamux listens on ' + url_of(host, port, tls), 'strong')}{everywhere}"]
    lines += [f"  {note}" for note in notes]
    lines.append("")
    if reports:
        rows = [(report.name, report.state, shown_endpoint(report.endpoint), _contents(report)) for report in reports]
        lines += [f"  {line}" for line in table(rows, paint)]
    else:
        lines.append("  No backend is enabled: every model is unknown.")
    model = _first_model(reports)
    if model is not None:
        lines += ["", "Try it:"]
        lines += [f"  {command}" for command in _commands(model, host, port, guarded, tls)]
    return "\n".join([*lines, ""])


def table(rows: Sequence[Sequence[str]], paint: Paint | None = None) -> list[str]:
    """Lines with the columns aligned; states are coloured."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines: list[str] = []
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        lines.append("  ".join(paint(cell) if paint else cell for cell in cells).rstrip())
    return lines


def url_of(host: str, port: int, tls: ServerTls | None = None) -> str:
    """The address as a URL."""
    return f"http{'s' if tls else ''}://{f'[{host}]' if ':' in host else host}:{port}"


def shown_endpoint(endpoint: str) -> str:
    """An endpoint without the user and the password that may stand in it, and without a query."""
    parts = urlsplit(endpoint)
    if not parts.netloc:
        return endpoint
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def _contents(report: BackendReport) -> str:
    if report.state != "ready":
        return report.reason
    names = [model.name for model in report.models]
    if not names:
        return "no models"
    more = len(names) - _SHOWN_MODELS
    return ", ".join(names[:_SHOWN_MODELS]) + (f", +{more} more" if more > 0 else "")


def _first_model(reports: Sequence[BackendReport]) -> str | None:
    """A model to try: one that is loaded and talks, else one that talks, else any."""

    def rank(model: ModelReport) -> tuple[bool, bool]:
        return "completion" not in model.capabilities, not model.loaded

    models = [model for report in reports if report.state == "ready" for model in report.models]
    return min(models, key=rank).name.removesuffix(":latest") if models else None


def _commands(model: str, host: str, port: int, guarded: bool, tls: ServerTls | None) -> list[str]:
    near = _EVERYWHERE.get(host) or (f"[{host}]" if ":" in host else host)
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": "Hello"}]})
    key = " -H 'Authorization: Bearer YOUR_KEY'" if guarded else ""
    if tls is not None:  # the certificate is for a name that is not known here
        key += " --insecure" + (" --cert YOUR.pem" if tls.client_ca is not None else "")
    curl = f"curl {url_of(near.strip('[]'), port, tls)}/api/chat{key} -d {shlex.quote(body)}"
    if guarded or tls is not None:
        return [curl]
    own = port == _DEFAULT_PORT and near == "127.0.0.1"
    return [curl, f"{'' if own else f'OLLAMA_HOST={near}:{port} '}ollama run {shlex.quote(model)}"]


class Handle(Protocol):
    """A timer that can be called off."""

    def cancel(self) -> None: ...


class LoadNews:
    """Says what a supervised model is doing, where it takes longer than two seconds or goes wrong. `call_later` and
    `now` are the event loop's."""

    def __init__(
        self,
        name: str,
        say: Callable[[str], None],
        call_later: Callable[[float, Callable[[], None]], Handle],
        now: Callable[[], float],
    ) -> None:
        self._name = name
        self._say = say
        self._call_later = call_later
        self._now = now
        self._began = now()
        self._timer: Handle | None = None
        self._told = False

    def reported(self, endpoint: str | None, reason: str) -> None:
        """What the supervisor reports."""
        self.stop()
        if endpoint is not None:
            if self._told:
                took = self._now() - self._began
                self._say(f"{self._name}: ready" + (f" after {took:.0f} s" if took >= 1 else ""))
            self._told = False
        elif reason == LOADING:
            self._began = self._now()
            self._timer = self._call_later(_LONG_LOAD, self._slow)
        else:
            self._told = True
            self._say(f"{self._name}: {reason}")

    def stop(self) -> None:
        """Nothing more is said of a load that is under way."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _slow(self) -> None:
        self._timer = None
        self._told = True
        self._say(f"{self._name}: {LOADING}")
