# The types with which Cython compiles incoming.py; the source is that file alone.

cimport cython

from ollamux.formats.asking cimport Incoming, Served
from ollamux.formats.openai_chat._passing cimport holds, route_of
from ollamux.formats.openai_chat.route cimport Route


cdef class OpenAIIncoming(Incoming):
    cdef public bint include_usage, plain
    cdef public object extensions
    cdef public int choices

    cpdef tell(self, bytes body, Route route)
    cpdef check(self, Served served)
    cpdef neutral(self, Served served, defaults)


cdef class OpenAIChatIncoming(OpenAIIncoming):
    cpdef check(self, Served served)
    cpdef neutral(self, Served served, defaults)


@cython.locals(incoming=OpenAIChatIncoming)
cpdef OpenAIChatIncoming read_route(bytes body)
cpdef Route routing_of(bytes body)
cpdef Route routing_told(bytes body)
