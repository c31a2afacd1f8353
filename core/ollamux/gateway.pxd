# The types with which Cython compiles gateway.py; the source is that file alone.

from ollamux.contract cimport ClientRequest
from ollamux.gate cimport Gate
from ollamux.premises cimport Premises
from ollamux.routes cimport Router


cdef class Gateway(Premises):
    cdef Gate _gate
    cdef Router _router
    cdef bint _careful, _hedges
    cdef object _limits
    cdef object _management, _lists, _responses, _status
    cdef dict _servings
    cdef set _apart

    cpdef open(self, ClientRequest request, double now, serving=*)
    cdef _serve(self, target, ClientRequest request, str path, double now, str query)
