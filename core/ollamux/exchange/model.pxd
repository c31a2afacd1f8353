# The types with which Cython compiles model.py; the source is that file alone.

cimport cython

from ollamux.backends cimport Backend
from ollamux.exchange.sending cimport SendState
from ollamux.exchange.trying cimport Tries
from ollamux.formats.asking cimport Incoming
from ollamux.resilience.admission cimport Admission


cdef class ModelExchange(SendState):
    @cython.locals(incoming=Incoming, backend=Backend)
    cdef _look_up(self, double now, bint last)
    cdef _answer_here(self, Incoming incoming, offer, double now)
    @cython.locals(incoming=Incoming, backend=Backend, tries=Tries, position=long)
    cdef _dispatch(self, double now)
    @cython.locals(tries=Tries, admission=Admission)
    cdef _queue(self, bint anew, double now)
    cdef _go_on(self, double now)
    @cython.locals(incoming=Incoming)
    cdef _call(self, offer, Backend backend, double now)
<<<<<<< HEAD
=======
    cdef _next(self, error, double now, failure=*)
>>>>>>> 01642207b24fef5dd66fc1e059c7df8475d2f516
    @cython.locals(incoming=Incoming)
    cdef tuple _translate(self, double now)
    cdef tuple _next_part(self, double now)
    cdef _picture_head(self, status, headers, double now)
    cdef _picture_end(self, double now)
    cdef tuple _no_picture(self, error, double now)
    cdef _next(self, error, double now, failure=*)
    cdef tuple _begin(self, bytes out, double now)
    cdef _collect(self, bytes data, double now)
    @cython.locals(incoming=Incoming, backend=Backend)
    cdef _whole(self, bytes body, double now)
    cdef _error_status(self, bytes body, double now)
    cdef _answer_itself(self, offer, Backend backend, double now)
    cdef _play(self, double now)
    cdef _too_slow(self, double now)
    cdef _keep_alive(self, double now)
    cdef _break_off(self, error, double now, bytes out=*, outcome=*)
    cdef tuple _refuse(self, error, double now, tuple decision=*)
    cdef _over(self, double now)
