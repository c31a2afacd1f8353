# The types with which Cython compiles route.py; the source is that file alone.

from ollamux.formats.asking cimport Incoming


cdef class Routed(Incoming):
    cdef public bint tools, pictures, usual
    cdef public long choices, usage
    cdef public object extensions
