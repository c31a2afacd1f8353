# The types with which Cython compiles admission.py; the source is that file alone.

cdef class Admission:
    cdef long _called, _concurrency, _deciding, _size, _total, _yield_every
    cdef bint _barred, _free, _prioritise, _some
    cdef double _since
    cdef dict _entries, _limits, _paces, _promised, _running, _turned_away, _turns, _wanting
    cdef list _untold
    cdef set _stale
    cdef object _queue
    cdef public object refusal

    cpdef bint has_room(self) except -1
    cpdef long running(self, str backend) except -1
    cpdef long waiting_for(self, str backend) except -1
    cpdef bint take(self, str backend, who=*) except -1
    cpdef give_back(self, str backend, double now=*)
