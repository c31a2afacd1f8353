# The types with which Cython compiles routes.py; the source is that file alone.

cimport cython


cdef class Target:
    cdef readonly str handler, scope
    cdef readonly object serving, route, place, page


cdef class Router:
    cdef public dict _paths, _patterns, _prefixes  # a test holds the guide against them
    cdef dict _known

    @cython.locals(methods=dict)
    cpdef Target hot(self, str method, str path)
