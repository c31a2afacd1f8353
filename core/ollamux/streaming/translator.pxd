# The types with which Cython compiles translator.py; the source is that file alone.

cdef class Counter:
    cdef public long long number


cdef class Translator:
    cdef object _reader, _renderer
    cdef public object delta, fault, finish, usage
    cdef public bint told

    cpdef bytes feed(self, bytes data, double now)
    cpdef bytes close(self, double now)
    cpdef tell(self, bytes data, double now)
    cdef bytes _render(self, list events, double now)
