# The types with which Cython compiles sse_relay.py; the source is that file alone.

cimport cython

from ollamux.streaming._chunk cimport PlainChunk
from ollamux.streaming.framing cimport SseBlocks
from ollamux.streaming.mending cimport Spoken


cdef class SseRelay:
    cdef SseBlocks _blocks
    cdef bytes _name
    cdef str _model, _stream_id
    cdef dict _choices
    cdef tuple _head
    cdef bint _done, _hide_usage
    cdef long _wanted
    cdef public object fault, usage
    cdef public bint steady

    @cython.locals(payload=bytes, made=bytes)
    cpdef bytes feed(self, bytes data, double now)
    cpdef bytes close(self, double now)
    @cython.locals(block=bytes, payload=bytes, made=bytes, passed=list)
    cdef bytes _pass(self, list blocks, bint last)
    cdef _mixed(self, bytes block, list passed, bint last)
    @cython.locals(steady=bint, passed=bytes, spoken=Spoken)
    cdef bytes _event(self, bytes payload, str name, bint last)
    @cython.locals(steady=bint, passed=bytes, spoken=Spoken)
    cdef bytes _plain(self, bytes payload, PlainChunk chunk)
    cdef _count(self, bytes usage)
    cdef bytes _end(self)
