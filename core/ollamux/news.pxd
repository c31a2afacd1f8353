# The types with which Cython compiles news.py; the source is that file alone.

cdef class Feed:
    cdef tuple _listeners
    cdef public bint heard, detailed
