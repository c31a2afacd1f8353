# The types with which Cython compiles gate.py; the source is that file alone.

cdef class Gate:
    cdef public bint guarded
    cdef tuple _keys
    cdef bint _any_origin
    cdef object _origins, _hosts, _addresses
    cdef dict _authorized, _seen_hosts, _shown

    cpdef bint knows_host(self, str host) except -1
    cpdef str admit(self, headers, str query, str scope)
    cpdef presented(self, headers, str query)
    cdef _issued(self, str text)
