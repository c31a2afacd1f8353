# The types with which Cython compiles asking.py; the source is that file alone.

from ollamux.usage cimport Usage


cdef class Incoming:
    cdef public bytes body
    cdef public str model, operation
    cdef public bint stream
    cdef public object keep_alive, needs, grammar_error
    cdef public Usage spent
    cdef public tuple warnings
