# The types with which Cython compiles recurring.py; the source is that file alone.


cdef class Known:
    cdef object door, target
    cdef str caller


cdef class Recurring:
    cdef public bint extended
    cdef public Known known
