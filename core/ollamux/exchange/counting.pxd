# The types with which Cython compiles counting.py; the source is that file alone.

cimport cython

from ollamux.accounting.ledger cimport Ledger
from ollamux.backends cimport Backend
from ollamux.exchange.machines cimport Machines
from ollamux.exchange.state cimport ModelState
from ollamux.formats.asking cimport Incoming
from ollamux.news cimport Feed
from ollamux.usage cimport Usage


cdef class CountingState(ModelState):
    cdef _erred(self, error)
    cdef _left(self)
    cdef Usage _used(self)
    @cython.locals(house=Machines, ledger=Ledger, incoming=Incoming, backend=Backend)
    cdef long long _count_attempt(self, double now) except -1
    @cython.locals(house=Machines, ledger=Ledger, feed=Feed, calls=long)
    cdef _count(self, double now)
    cdef _tell(self, long calls, double now)
