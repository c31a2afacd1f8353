"""Bytes that grow, most often without an allocation: output that is put together piece by piece."""

from cpython.mem cimport PyMem_Free, PyMem_Realloc
from libc.string cimport memcpy

cdef enum:
    SMALL = 4096  # what needs no allocation of its own

cdef struct Output:
    char* data
    Py_ssize_t size
    Py_ssize_t room
    char small[SMALL]


cdef inline void begin(Output* out) noexcept:
    out.data = out.small
    out.size = 0
    out.room = SMALL


cdef inline void release(Output* out) noexcept:
    if out.data != out.small:
        PyMem_Free(out.data)


cdef inline int reserve(Output* out, Py_ssize_t size) except -1:
    """Make room for this many bytes more."""
    cdef Py_ssize_t room
    cdef char* grown
    if out.size + size > out.room:
        room = 2 * (out.size + size)
        grown = <char*>PyMem_Realloc(NULL if out.data == out.small else out.data, room)
        if grown == NULL:
            raise MemoryError
        if out.data == out.small:
            memcpy(grown, out.small, out.size)
        out.data = grown
        out.room = room
    return 0


cdef inline int write(Output* out, const char* data, Py_ssize_t size) except -1:
    if size:
        reserve(out, size)
        memcpy(out.data + out.size, data, size)
        out.size += size
    return 0
