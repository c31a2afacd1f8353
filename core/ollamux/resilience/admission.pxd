# The types with which Cython compiles admission.py; the source is that file alone.

cimport cython


cdef class Places:
    cdef public str backend
    cdef public bint moved
    cdef public long running


cdef class Admission:
    cdef long _called, _concurrency, _deciding, _size, _total, _yield_every
    cdef bint _barred, _free, _prioritise, _some
    cdef double _since
    cdef dict _entries, _limits, _paces, _places, _promised, _turned_away, _turns, _wanting
    cdef list _untold
    cdef set _stale
    cdef object _queue
    cdef public list moved
    cdef public long waiting
    cdef public object refusal

    cpdef bint has_room(self) except -1
    @cython.locals(found=Places)
    cpdef long running(self, str backend) except -1
    cpdef long waiting_for(self, str backend) except -1
    @cython.locals(places=Places, running=long)
    cpdef bint take(self, str backend, who=*) except -1
    @cython.locals(places=Places)
    cpdef give_back(self, str backend, double now=*)
