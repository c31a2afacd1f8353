# The types with which Cython compiles bursts.py; the source is that file alone.

cimport cython


cdef class Burst:
    cdef object _loop
    cdef list _waiting
    cdef int _alone, _steps

    @cython.locals(waiting=list)
    cpdef bint takes(self, who)
    cpdef step(self, who, int number)
    @cython.locals(waiting=list, group=list, first=Py_ssize_t, place=Py_ssize_t, number=int)
    cpdef _over(self)
    cdef _failed(self, who, error)
