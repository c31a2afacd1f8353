# The types with which Cython compiles calling.py; the source is that file alone.

from ollamux.chat cimport ChatRequest
from ollamux.formats.ollama.incoming cimport OllamaIncoming
from ollamux.formats.outgoing cimport Outgoing, outgoing_of


cdef Outgoing _as_it_is(OllamaIncoming incoming, str upstream_model)
