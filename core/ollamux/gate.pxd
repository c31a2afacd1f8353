# The types with which Cython compiles gate.py; the source is that file alone.

cdef class Gate:
    cdef public bint guarded
    cdef tuple _keys
    cdef bint _any_origin
    cdef object _origins, _hosts, _addresses
    cdef dict _seen_hosts

    cpdef bint knows_host(self, str host) except -1
