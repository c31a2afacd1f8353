# The types with which Cython compiles gateway.py; the source is that file alone.

cimport cython

from ollamux.contract cimport ClientRequest
from ollamux.exchange.base cimport Exchange
from ollamux.exchange.model cimport ModelExchange
from ollamux.gate cimport Gate
from ollamux.premises cimport Premises
from ollamux.recurring cimport Known, Recurring
from ollamux.resilience.limits cimport ClientLimits
from ollamux.routes cimport Router, Target


cdef class Gateway(Premises):
    cdef Gate _gate
    cdef Router _router
    cdef object _hedged
    cdef ClientLimits _limits
    cdef object _door, _management, _lists, _responses, _status
    cdef str _version
    cdef dict _servings
    cdef set _apart

    @cython.locals(exchange=Exchange, target=Target, recurring=Recurring, known=Known)
    cpdef open(self, ClientRequest request, double now, serving=*)
    @cython.locals(exchange=Exchange, target=Target)
    cdef Exchange _open_again(self, Known known, ClientRequest request, double now)
    cdef _take_turn(self, str caller, str peer, double now)
    cdef str _let_in(self, Target target, ClientRequest request, str query, double now)
    @cython.locals(exchange=ModelExchange)
    cdef _serve(self, Target target, ClientRequest request, str path, double now, str query)
