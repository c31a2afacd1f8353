# The types with which Cython compiles serving.py; the source is that file alone.

cimport cython

from ollamux.formats.openai_chat._passing cimport renamed
from ollamux.formats.openai_chat.incoming cimport OpenAIIncoming, read_route
from ollamux.formats.answering cimport RenderContext
from ollamux.formats.asking cimport Incoming
from ollamux.formats.base cimport Serving
from ollamux.streaming._chunk cimport speaks


cdef class OpenAIChatServing(Serving):
    cpdef Incoming read(self, route, bytes body, headers, place=*)
    cpdef renderer(self, Incoming incoming, RenderContext context)
    @cython.locals(asked=OpenAIIncoming)
    cpdef bytes relay_whole(self, Incoming incoming, str upstream_model, bytes body, double now)
