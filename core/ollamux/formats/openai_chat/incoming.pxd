# The types with which Cython compiles incoming.py; the source is that file alone.

from ollamux.formats.asking cimport Incoming
from ollamux.formats.openai_chat.route cimport Route


cdef class OpenAIIncoming(Incoming):
    cdef public bint include_usage, plain
    cdef public object extensions
    cdef public int choices


cdef class OpenAIChatIncoming(OpenAIIncoming):
    pass


cpdef OpenAIChatIncoming read_route(bytes body)
cpdef Route routing_of(bytes body)
cpdef Route routing_told(bytes body)
