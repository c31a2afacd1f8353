"""What has to be known of a request on OpenAI's routes before a backend is chosen, however it was read."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ollamux.formats.openai_chat.knobs import Extensions

__all__ = ("ASKED", "DECLINED", "NOTHING", "UNTOLD", "Route")

UNTOLD, NOTHING, DECLINED, ASKED = -1, -2, 0, 1
"""What `stream_options` say of the usage: they are not there, they are null, they do not ask for it, they do."""


class Route:
    """See the module. `tools` and `pictures` say whether there are any, `choices` how many answers are asked for;
    `extensions` are None where the request has none."""

    __slots__ = ("choices", "extensions", "model", "pictures", "stream", "tools", "usage")

    def __init__(
        self,
        model: str,
        stream: bool = False,
        tools: bool = False,
        choices: int = 1,
        usage: int = UNTOLD,
        pictures: bool = False,
        extensions: Extensions | None = None,
    ) -> None:
        self.model = model
        self.stream = stream
        self.tools = tools
        self.choices = choices
        self.usage = usage
        self.pictures = pictures
        self.extensions = extensions
