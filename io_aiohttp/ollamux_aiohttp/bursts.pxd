# The types with which Cython compiles bursts.py; the source is that file alone.

cimport cython


cdef class Burst:
    cdef object _loop
    cdef list _waiting
    cdef int _alone, _steps

    @cython.locals(waiting=list)
    cpdef bint takes(self, who)
    cpdef bint take_up(self, who, int step) except? -1
    @cython.locals(waiting=list, place=Py_ssize_t, step=int, goes_on=bint)
    cpdef _over(self)
    cdef _blame(self, who, error)
