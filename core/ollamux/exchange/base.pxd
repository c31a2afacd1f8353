# The types with which Cython compiles base.py; the source is that file alone.

from ollamux.contract cimport whole_of


cdef class Exchange:
    cdef public object front
    cdef public tuple extra_headers
    cdef public str caller, request_id

    cpdef take_in(self, double now)
    cpdef take_place(self, double now)
    cpdef start(self, double now)
    cpdef proceed(self, double now)
    cpdef body_data(self, bytes data, double now)
    cpdef body_end(self, double now)
    cpdef attempt_head(self, long attempt, long status, headers, double now)
    cpdef attempt_data(self, long attempt, bytes data, double now)
    cpdef attempt_end(self, long attempt, double now)
    cpdef take_answer(self, long attempt, double now)
    cpdef attempt_failed(self, long attempt, kind, bint sent, double now, detail=*)
    cpdef upload_drained(self, long attempt, double now)
    cpdef upload_blocked(self, long attempt, double now)
    cpdef client_paused(self, double now)
    cpdef client_resumed(self, double now)
    cpdef client_gone(self, double now)
    cpdef woken(self, double now)


cdef class Settled(Exchange):
    cdef object _wants


cpdef tuple answer(long status, tuple headers, bytes body, bint close=*)
