# The types with which Cython compiles circuits.py; the source is that file alone.

from ollamux.resilience.breaker cimport Breaker


cdef class _Circuit:
    cdef public Breaker breaker
    cdef public dict models
    cdef public str before, last
    cdef public double at, before_at

    cpdef answered(self, str model, double now)


cdef class Pass:
    cdef _Circuit _circuit
    cdef Breaker _model
    cdef long _model_ticket, _ticket, _told
    cdef double _slow, _window
    cdef public tuple changes

    cpdef tuple answered(self, double now, double waited=*, bint loading=*)


cdef class Circuits:
    cdef dict _circuits
    cdef long _most
    cdef public object settings
    cdef public set opened

    cpdef take(self, str backend, str model, double now, bint force=*)
    cdef _Circuit _circuit(self, str backend)
    cdef Breaker _model(self, _Circuit circuit, str model)
