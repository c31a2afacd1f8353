# The types with which Cython compiles framing.py; the source is that file alone.

cdef class SseBlocks:
    cdef object _limit
    cdef bytearray _tail
    cdef bint _started, _after_cr

    cpdef list feed(self, bytes data)
    cpdef list close(self)
    cpdef bint alone(self, bytes data) except -1
    cdef _check(self, size)
    cdef bytes _with_line_feeds(self, bytes data)


cdef class SseDecoder:
    cdef SseBlocks _blocks

    cpdef list feed(self, bytes data)
    cpdef list close(self)


cdef class NdjsonDecoder:
    cdef object _limit
    cdef bytearray _tail

    cpdef list feed(self, bytes data)
    cdef _check(self, size)
