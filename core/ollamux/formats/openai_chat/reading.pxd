# The types with which Cython compiles reading.py; the source is that file alone.

cimport cython

from ollamux.answer cimport Answer
from ollamux.formats.openai_chat._plain cimport read_plain
from ollamux.formats.sse_reading cimport SseReader
from ollamux.streaming._chunk cimport PlainChunk


cpdef Answer read_answer(bytes body, tuple fields)


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
