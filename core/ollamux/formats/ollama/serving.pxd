# The types with which Cython compiles serving.py; the source is that file alone.

from ollamux.formats.ollama._plain cimport passed
from ollamux.formats.ollama.incoming cimport ChatIncoming, EmbedIncoming, GenerateIncoming, OllamaIncoming, PlainChatIncoming, plain_chat
from ollamux.formats.ollama.rendering cimport OllamaRenderer, chat_renderer
