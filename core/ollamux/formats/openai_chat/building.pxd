# The types with which Cython compiles building.py; the source is that file alone.

cdef class _Knobs:
    cdef public object sampling, dialect
    cdef public bytes text
    cdef public tuple warnings


cdef _Knobs _knobs_of(sampling, dialect)
cdef bint _says_nothing_else(request)
