# The types with which Cython compiles bursts.py; the source is that file alone.

cimport cython


cdef class Burst:
    cdef object _loop
    cdef list _waiting
    cdef int _alone

    @cython.locals(waiting=list)
    cpdef bint takes(self, who)
    cpdef take_up(self, who)
