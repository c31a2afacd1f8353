# The types with which Cython compiles late.py; the source is that file alone.

from ollamux.formats.answering cimport RenderContext
from ollamux.formats.asking cimport Incoming
from ollamux.formats.base cimport Serving


cdef class LateServing(Serving):
    cdef object _make
    cdef Serving _real

    cpdef Serving real(self)
    cpdef Incoming read(self, route, bytes body, headers, place=*)
    cpdef renderer(self, Incoming incoming, RenderContext context)
    cpdef bytes relay_whole(self, Incoming incoming, str upstream_model, bytes body, double now)
