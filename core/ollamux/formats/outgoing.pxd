# The types with which Cython compiles outgoing.py; the source is that file alone.

cimport cython

from ollamux.contract cimport Value


cdef class Outgoing(Value):
    cdef readonly str path
    cdef readonly bytes body
    cdef readonly tuple warnings, headers


@cython.locals(made=Outgoing)
cpdef Outgoing outgoing_of(str path, bytes body, tuple warnings)
