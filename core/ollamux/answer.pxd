# The types with which Cython compiles answer.py; the source is that file alone.

from ollamux.usage cimport Usage


cdef class Answer:
    cdef list _parts  # None: not decoded yet
    cdef str _id, _model
    cdef object _created
    cdef readonly object timings, logprobs, stop_sequence
    cdef readonly Usage usage
    cdef readonly str finish, native

    cdef _open(self)
    cpdef bytes told(self, bint html)
