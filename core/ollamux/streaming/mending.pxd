# The types with which Cython compiles mending.py; the source is that file alone.

cdef class Spoken:
    cdef public bint role, finished
    cdef public dict calls
    cdef public object count, last
