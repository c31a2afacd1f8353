# The types with which Cython compiles circuits.py; the source is that file alone.

cimport cython

from ollamux.resilience.breaker cimport Breaker


cdef class Circuits


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
    cdef Circuits _circuits
    cdef public tuple changes

    @cython.locals(model=Breaker)
    cpdef tuple answered(self, double now, double waited=*, bint loading=*)
    cdef begin(self, Circuits circuits, _Circuit circuit, Breaker model, double now, tuple changes)
    cpdef dropped(self)


cdef class Circuits:
    cdef dict _circuits
    cdef long _most
    cdef public object settings
    cdef public set opened
    cdef public double slow, window

    @cython.locals(circuit=_Circuit, whole=Breaker, part=Breaker, first=bint, second=bint, found=Pass)
    cpdef take(self, str backend, str model, double now, bint force=*)
    cdef Breaker _first_of(self, _Circuit circuit, str model)
