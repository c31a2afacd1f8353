# The types with which Cython compiles ending.py; the source is that file alone.

from ollamux.exchange.searching cimport SearchState


cdef class EndState(SearchState):
    cdef tuple _refuse(self, error, double now, tuple decision=*)
    cdef _over(self, double now)
    cdef tuple _release(self, double now)
    cdef tuple _kept_head(self, error, tuple told)
    cdef _name_request(self, error)
