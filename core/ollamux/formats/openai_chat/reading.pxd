# The types with which Cython compiles reading.py; the source is that file alone.

cimport cython

from ollamux.formats.sse_reading cimport SseReader
from ollamux.streaming._chunk cimport PlainChunk


cdef class ChatReader(SseReader):
    cdef tuple _fields
    cdef dict _calls
    cdef list _order
    cdef bint _started, _finished

    @cython.locals(text=str)
    cdef _read_plain(self, PlainChunk chunk, list events)
    cdef _finish(self, native, list events)
    cdef _read_choice(self, choice, list events)
    cdef _read_call(self, piece, list events)
    cdef _end(self, list events)
