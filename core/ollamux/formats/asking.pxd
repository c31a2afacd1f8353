# The types with which Cython compiles asking.py; the source is that file alone.

cimport cython

from ollamux.contract cimport Value
from ollamux.usage cimport Usage


cdef class Served(Value):
    cdef readonly str asked, display
    cdef readonly object capabilities, context_length
    cdef readonly bint told


cdef class Incoming:
    cdef public bytes body
    cdef public str model, operation
    cdef public bint stream
    cdef public object keep_alive, needs, grammar_error
    cdef public Usage spent
    cdef public tuple warnings

    cpdef check(self, Served served)
    cpdef neutral(self, Served served, defaults)


@cython.locals(made=Served)
cpdef Served served_as(str asked, str display, capabilities, context_length, bint told)
