# The types with which Cython compiles calling.py; the source is that file alone.

cimport cython

from ollamux.formats.asking cimport Incoming
from ollamux.formats.base cimport Calling, Dialect
from ollamux.chat cimport ChatRequest
from ollamux.formats.openai_chat.building cimport build_chat
from ollamux.formats.openai_chat.incoming cimport OpenAIIncoming
from ollamux.formats.openai_chat._passing cimport asked_as, shows
from ollamux.formats.openai_chat.reading cimport read_answer
from ollamux.formats.outgoing cimport Outgoing, outgoing_of


@cython.locals(cues=tuple, body=bytes)
cdef bytes _as_it_is(OpenAIIncoming incoming, str upstream_model, Dialect dialect)


cdef class OpenAIChatCalling(Calling):
    cpdef Outgoing build(self, request, str upstream_model, Dialect dialect)
    @cython.locals(asked=OpenAIIncoming, body=bytes)
    cpdef Outgoing passthrough(self, Incoming incoming, str upstream_model, defaults, Dialect dialect)
    cpdef whole(self, request, bytes body, Dialect dialect)
