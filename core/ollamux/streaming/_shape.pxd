# What _shape.pyx offers to other compiled modules.

from ollamux.streaming._json cimport Row, Span


cdef class Shapes:
    cdef list _known
    cdef const Row* _rows
    cdef const int* _first
    cdef int _count, _credit
    cdef bint _strict

    cdef bint read(self, bytes body, Span* spans) except -1
    cdef int _learn(self, bytes body, Span* spans) except -1


cdef Shapes shapes_of(const Row* rows, const int* first, int count, bint strict)
cdef str name_of(const unsigned char* text, Py_ssize_t size)
cdef bytes piece_of(const unsigned char* text, Py_ssize_t size)
