# The types with which Cython compiles admission.py; the source is that file alone.

cdef class Admission:
    cdef long _concurrency, _size, _total
    cdef dict _limits, _running, _queue
    cdef bint _free
    cdef set _called

    cpdef bint take(self, str backend) except -1
    cpdef give_back(self, str backend)
