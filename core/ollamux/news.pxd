# The types with which Cython compiles news.py; the source is that file alone.

cdef class Feed:
    cdef tuple _listeners
    cdef str _name
    cdef long _counted
    cdef public bint heard, detailed
