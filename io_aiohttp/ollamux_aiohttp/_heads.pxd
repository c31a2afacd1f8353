# What _heads.pyx offers to other compiled modules.

from ollamux.recurring cimport Recurring

cdef enum:
    FIELDS = 48


cdef struct Line:
    unsigned short at, size  # where it stands in the head
    bint framing  # whether it says how long the body is
    Py_ssize_t length  # what it says: bytes, or -1 for chunks


cdef struct Field:
    unsigned short name, name_size, value, value_size


cdef class ChunkReader:
    cdef int _state, _digits
    cdef unsigned long long _left
    cdef readonly bint done, more, fault

    cpdef bytes feed(self, bytes data)


cdef class LastHead:
    cdef bytes _head
    cdef Line _lines[FIELDS]
    cdef Py_ssize_t _length
    cdef readonly list fields
    cdef readonly ChunkReader chunks


cdef class PlainHeaders(Recurring):
    cdef bytes _head
    cdef Field _fields[FIELDS]
    cdef int _count, _length_at
    cdef Py_ssize_t _length
    cdef readonly str target
    cdef readonly Py_ssize_t size

    cdef int _find(self, const char* name, Py_ssize_t size) noexcept
    cdef str _value(self, int place)
    cdef str _name(self, int place)
    cpdef get(self, str name, default=*)
    cdef const char* _scan(self, const char* p, const char* end) noexcept
    cdef PlainHeaders _again(self, bytes data)


cpdef bytes behind(bytes data, Py_ssize_t size)
cpdef bytes sized(bytes head, bytes line, bytes body)
cpdef bytes chunked(bytes data, bytes before=*, bytes behind=*)
cpdef PlainHeaders read_post(bytes data, PlainHeaders before=*)
cpdef Py_ssize_t read_answer(bytes data, dict names, LastHead last) except -2
