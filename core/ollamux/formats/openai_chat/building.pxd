# The types with which Cython compiles building.py; the source is that file alone.

cimport cython


cdef class _Knobs:
    cdef public object sampling, dialect
    cdef public bytes text
    cdef public tuple warnings


cdef list _last
cdef dict _names, _remembered

@cython.locals(known=_Knobs, found=_Knobs)
cdef _Knobs _knobs_of(sampling, dialect)
cdef bytes _named(str model)
cdef bint _says_nothing_else(request)
