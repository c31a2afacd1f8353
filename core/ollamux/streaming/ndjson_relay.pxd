# The types with which Cython compiles ndjson_relay.py; the source is that file alone.

from ollamux.streaming.framing cimport NdjsonDecoder


cdef class NdjsonRelay:
    cdef NdjsonDecoder _decoder
    cdef Py_ssize_t _limit
    cdef bytes _name, _old, _new
    cdef bint _same
    cdef public object fault, usage
    cdef public bint complete, steady

    cpdef bytes feed(self, bytes data, double now)
    cpdef bytes close(self, double now)
    cdef bytes _pass(self, list lines, bint whole)
