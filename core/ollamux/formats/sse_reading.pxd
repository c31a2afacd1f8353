# The types with which Cython compiles sse_reading.py; the source is that file alone.

from ollamux.streaming.framing cimport SseDecoder


cdef class SseReader:
    cdef public bint complete
    cdef SseDecoder _decoder
    cdef bint _sniffed
    cdef bytearray _whole

    cpdef list feed(self, bytes data)
    cpdef list close(self)
    cpdef _read(self, bytes payload, str name, list events, bint last)
    cpdef _read_whole(self, bytes body, list events)
