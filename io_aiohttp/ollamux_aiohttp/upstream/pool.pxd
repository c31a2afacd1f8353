# The types with which Cython compiles pool.py; the source is that file alone.

cdef class Origin:
    cdef public object address, last
    cdef public list idle
    cdef public bint reusable


cdef class Pool:
    cdef public object loop, emptied
    cdef public long size
    cdef public dict origins
    cdef public set open
    cdef double _expiry
    cdef public long quarter
    cdef public object _timer

    cpdef put(self, Origin origin, connection)
