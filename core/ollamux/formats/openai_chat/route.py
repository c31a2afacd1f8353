"""What has to be known of a request on OpenAI's routes before a backend is chosen, however it was read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ollamux.formats.asking import Incoming

if TYPE_CHECKING:
    from ollamux.formats.openai_chat.knobs import Extensions

__all__ = ("ASKED", "DECLINED", "NOTHING", "UNTOLD", "Routed")

UNTOLD, NOTHING, DECLINED, ASKED = -1, -2, 0, 1
"""What `stream_options` say of the usage: they are not there, they are null, they do not ask for it, they do."""


class Routed(Incoming):
    """See the module. `tools` and `pictures` say whether there are any, `usual` that its messages are of a text and one
    of the roles that everybody knows; `choices` how many answers are asked for, `usage` what is said of it;
    `extensions` are None where it has none."""

    __slots__ = ("choices", "extensions", "pictures", "tools", "usage", "usual")

    tools: bool
    pictures: bool
    usual: bool
    usage: int
    extensions: Extensions | None
