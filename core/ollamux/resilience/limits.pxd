# The types with which Cython compiles limits.py; the source is that file alone.

cdef class KeyedLimit:
    cdef dict _old, _young
    cdef double _burst, _each, _lifetime, _turned
    cdef long _half

    cpdef double wait(self, str key, double now) except? -1
    cpdef count(self, str key, double now)


cdef class ClientLimits:
    cdef KeyedLimit _all, _per_address, _per_key
    cdef public bint any

    cpdef take(self, str key, str address, double now)
