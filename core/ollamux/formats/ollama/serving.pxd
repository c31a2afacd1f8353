# The types with which Cython compiles serving.py; the source is that file alone.

cimport cython

from ollamux.answer cimport Answer
from ollamux.formats.ollama._plain cimport passed
from ollamux.formats.ollama.incoming cimport ChatIncoming, EmbedIncoming, GenerateIncoming, OllamaIncoming, PlainChatIncoming, plain_chat
from ollamux.formats.ollama.rendering cimport OllamaRenderer, chat_renderer, plain_whole
from ollamux.formats.answering cimport RenderContext
from ollamux.formats.asking cimport Incoming
from ollamux.formats.base cimport Serving


cdef class OllamaServing(Serving):
    cdef bint _streams

    cpdef Incoming read(self, route, bytes body, headers, place=*)
    cpdef renderer(self, Incoming incoming, RenderContext context)
    cpdef bytes whole(self, Incoming incoming, RenderContext context, Answer answer, double now)
    @cython.locals(asked=OllamaIncoming)
    cpdef bytes relay_whole(self, Incoming incoming, str upstream_model, bytes body, double now)
