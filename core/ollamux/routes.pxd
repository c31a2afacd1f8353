# The types with which Cython compiles routes.py; the source is that file alone.

cdef class Router:
    cdef dict _paths, _patterns, _prefixes, _hot

    cpdef hot(self, str method, str path)
