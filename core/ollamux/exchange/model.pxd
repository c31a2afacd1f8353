# The types with which Cython compiles model.py; the source is that file alone.

cimport cython

from ollamux.backends cimport Backend
from ollamux.exchange.calling cimport CallState
from ollamux.exchange.heads cimport header, passed_on
from ollamux.exchange.trying cimport Tries
from ollamux.formats.asking cimport Incoming
from ollamux.formats.base cimport Serving
from ollamux.recurring cimport Recurring
from ollamux.streaming._template cimport TemplateConverter

cdef double inf


cdef class ModelExchange(CallState):
    @cython.locals(recurring=Recurring)
    cdef _wished(self, headers)
    @cython.locals(out=bytes)
    cdef _convert(self, bytes data, double now)
    cdef tuple _begin(self, bytes out, double now)
    cdef bint _opens(self, bytes out) except -1
    cdef _collect(self, bytes data, double now)
    cdef bytes _body(self)
    @cython.locals(incoming=Incoming, backend=Backend, serving=Serving, tries=Tries)
    cdef _whole(self, bytes body, double now)
    @cython.locals(incoming=Incoming)
    cdef _made_of(self, bytes body, double now)
    @cython.locals(backend=Backend, tries=Tries)
    cdef _error_status(self, bytes body, double now)
    cdef _break_off(self, error, double now, bytes out=*, outcome=*)
    cdef bint _finds_another(self, outcome, double now) except -1
    cdef _too_slow(self, double now)
    cdef _keep_alive(self, double now)
