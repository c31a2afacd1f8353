# The types with which Cython compiles calling.py; the source is that file alone.

from ollamux.formats.asking cimport Incoming
from ollamux.formats.base cimport Calling, Dialect
from ollamux.chat cimport ChatRequest
from ollamux.formats.ollama.incoming cimport OllamaIncoming
from ollamux.formats.outgoing cimport Outgoing, outgoing_of


cdef Outgoing _as_it_is(OllamaIncoming incoming, str upstream_model)


cdef class OllamaCalling(Calling):
    cpdef Outgoing build(self, request, str upstream_model, Dialect dialect)
    cpdef Outgoing passthrough(self, Incoming incoming, str upstream_model, defaults, Dialect dialect)
    cpdef whole(self, request, bytes body, Dialect dialect)
