# The types with which Cython compiles answer.py; the source is that file alone.

cdef class Answer:
    cdef list _parts  # None: not decoded yet
    cdef str _id, _model
    cdef readonly object finish, usage, timings, logprobs, created, stop_sequence
    cdef readonly str native

    cdef _open(self)
    cpdef bytes told(self, bint html)
