# The types with which Cython compiles limits.py; the source is that file alone.

cimport cython

cdef double _HAIR


cdef class _Use:
    cdef double until


cdef class KeyedLimit:
    cdef dict _old, _young
    cdef double _burst, _each, _lifetime, _turned
    cdef long _half

    @cython.locals(use=_Use)
    cpdef double wait(self, str key, double now) except? -1
    cpdef count(self, str key, double now)
    @cython.locals(found=_Use)
    cdef _Use use(self, str key, double now)
    @cython.locals(wait=double)
    cdef double left(self, _Use use, double now) except? -1
    cdef add(self, _Use use, double now)
    @cython.locals(found=_Use)
    cdef _Use _seen_again(self, str key, double now)


cdef class ClientLimits:
    cdef KeyedLimit _all, _per_address, _per_key
    cdef public bint any

    @cython.locals(per_key=KeyedLimit, per_address=KeyedLimit, overall=KeyedLimit, of_key=_Use, of_address=_Use, of_all=_Use, wait=double, longest=double)
    cpdef take(self, str key, str address, double now)
