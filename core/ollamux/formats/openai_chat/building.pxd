# The types with which Cython compiles building.py; the source is that file alone.

cimport cython

from ollamux.chat cimport ChatRequest, PlainMessages
from ollamux.formats.base cimport Dialect
from ollamux.formats.openai_chat._passing cimport joined
from ollamux.formats.outgoing cimport Outgoing, outgoing_of


cdef class _Knobs:
    cdef public Dialect dialect
    cdef public object sampling
    cdef public bytes text
    cdef public tuple warnings


cdef list _last
cdef dict _names, _remembered

@cython.locals(known=_Knobs, found=_Knobs)
cdef _Knobs _knobs_of(sampling, Dialect dialect)
cdef bytes _named(str model)
@cython.locals(knobs=_Knobs, streamed=bytes, plain=PlainMessages)
cpdef Outgoing build_chat(ChatRequest request, str model, Dialect dialect)
cdef bint _says_nothing_else(ChatRequest request) except -1
