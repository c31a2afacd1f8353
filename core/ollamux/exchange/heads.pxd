# The types with which Cython compiles heads.py; the source is that file alone.

cdef set _USUAL, _PASSED

cpdef str header(headers, str name)
cpdef tuple passed_on(headers, bint same_format)
