# What _lane.pyx offers to other compiled modules.

from ollamux.clock cimport Clock
from ollamux.streaming._buffer cimport Output
from ollamux.streaming._skeleton cimport Found, Skeleton
from ollamux.streaming.translator cimport Counter

cdef enum:
    STAMPED = 48  # longer than any time stamp, and any number

cdef struct Piece:
    # Bytes of a frame, and what is put behind them: a slot of `Frame`, or -1.
    const char* literal
    Py_ssize_t size
    int slot


cdef Py_ssize_t stamp_at(Clock clock, double now, char* stamp) except -1
cdef str said_by(const char* text, Py_ssize_t size)


cdef class Lane:
    cdef Skeleton skeleton
    cdef object delta, frame
    cdef Counter counter
    cdef list texts, kept
    cdef bytes head, tail
    cdef const char* head_text
    cdef const char* tail_text
    cdef Py_ssize_t head_size, tail_size
    cdef Piece* pieces
    cdef int count, credit, epoch, slots, texts_in, stamps
    cdef Py_ssize_t literals, head_change
    cdef long long number, spelled
    cdef char figures[24]
    cdef int width
    cdef const unsigned char* kinds
    cdef bint open, html, wrote

    cdef int take(self, object frame) except -1
    cdef int sync(self) except -1
    cdef const char* match(self, const char* p, const char* end, Found* found) noexcept
    cdef void spell(self) noexcept
    cdef bytes made(self, Found* found, const char* stamp, Py_ssize_t stamp_size)
    cdef int emit(self, Output* out, Found* found, const char* stamp, Py_ssize_t stamp_size) except -1
