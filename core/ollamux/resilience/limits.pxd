# The types with which Cython compiles limits.py; the source is that file alone.

cimport cython

cdef double _HAIR


cdef class _Use:
    cdef double until


cdef class KeyedLimit:
    cdef dict _old, _young
    cdef double _burst, _each, _lifetime, _turned
    cdef long _half

    @cython.locals(use=_Use, wait=double)
    cpdef double wait(self, str key, double now) except? -1
    @cython.locals(use=_Use)
    cpdef count(self, str key, double now)


cdef class ClientLimits:
    cdef KeyedLimit _all, _per_address, _per_key
    cdef public bint any

    @cython.locals(per_key=KeyedLimit, per_address=KeyedLimit, overall=KeyedLimit, wait=double, longest=double)
    cpdef take(self, str key, str address, double now)
