# The types with which Cython compiles incoming.py; the source is that file alone.

cimport cython

from ollamux.formats.asking cimport Served
from ollamux.formats.openai_chat._passing cimport holds, route_of
from ollamux.formats.openai_chat.route cimport Routed


cdef class OpenAIIncoming(Routed):
    cdef public bint as_chat, include_usage, plain
    cdef public str path

    cpdef take(self, bytes body)
    cpdef check(self, Served served)
    cpdef neutral(self, Served served, defaults)


cdef class OpenAIChatIncoming(OpenAIIncoming):
    cpdef check(self, Served served)
    cpdef neutral(self, Served served, defaults)


@cython.locals(incoming=OpenAIChatIncoming)
cpdef OpenAIChatIncoming read_route(bytes body)
cpdef routing_told(Routed incoming)
