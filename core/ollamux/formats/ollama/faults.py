"""What an error looks like to an Ollama client: one sentence, in Ollama's words where it has words for it.

Rules: a backend's error object is spelled as Go prints a map; a stream that was cut off reads as Ollama says it; a
backend's answer of status 400 or more is its body as it came.
"""

from __future__ import annotations

from typing import Any, cast

import msgspec

from ollamux.errors import BackendError, BackendUnavailable, OllamuxError

__all__ = ("failure_text", "fault_text", "go_value")

_CUT = "an error was encountered while running the model: unexpected EOF"


def go_value(value: Any) -> str:
    """A decoded JSON value as Go's %v prints it: `map[code:500 message:boom]`, `[a b]`, `<nil>`."""
    if value is None:
        return "<nil>"
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        found = cast(dict[str, Any], value)
        return f"map[{' '.join(f'{key}:{go_value(found[key])}' for key in sorted(found))}]"
    if isinstance(value, list):
        return f"[{' '.join(map(go_value, value))}]"  # pyright: ignore[reportUnknownArgumentType]
    return _number(float(value))


def fault_text(error: OllamuxError) -> str:
    """The error that ends a stream."""
    if type(error) is BackendUnavailable:
        return _CUT
    return _told(error) or error.message


def failure_text(error: OllamuxError, *, streaming: bool) -> str:
    """The error that stands in place of an answer."""
    if not isinstance(error, BackendError):
        return error.message
    text = error.body or error.message
    found = _object(text)
    if found is None:
        return text
    if "error" not in found:
        return _sentence(found)
    inner = found["error"]
    if isinstance(inner, str) and len(found) == 1:
        return inner
    if isinstance(inner, dict):
        if error.status == 501:
            return str(cast(dict[str, Any], inner).get("message", text))
        if error.status == 500 and not streaming:
            return _sentence(inner)  # Ollama streams from its backend whatever the client wants
    return text


def _told(error: OllamuxError) -> str | None:
    text = error.body if isinstance(error, BackendError) and error.body else error.message
    found = _object(text)
    if found is None:
        return None
    inner = found.get("error", found)
    return inner if isinstance(inner, str) else _sentence(inner)


def _object(text: str) -> dict[str, Any] | None:
    if text[:1] != "{":
        return None
    try:
        found = msgspec.json.decode(text)
    except (ValueError, RecursionError):
        return None
    return cast(dict[str, Any], found) if isinstance(found, dict) else None


def _sentence(found: Any) -> str:
    return f"llama-server chat error: {go_value(found)}"


def _number(value: float) -> str:
    """Go's %v of a float64: the fewest digits, with an exponent below 1e-4 and from 1e6 on."""
    if not value:
        return "0"
    mantissa, _, _ = repr(abs(value)).partition("e")
    digits = mantissa.replace(".", "").strip("0")
    exponent = int(f"{value:.16e}".partition("e")[2])
    if -4 <= exponent < 6:
        return f"{value:.{max(0, len(digits) - 1 - exponent)}f}"
    return f"{value:.{len(digits) - 1}e}"
