# The types with which Cython compiles ledger.py; the source is that file alone.

cimport cython

from ollamux.accounting.histogram cimport Histogram
from ollamux.routing.catalog cimport Offer
from ollamux.usage cimport Usage


cdef long long _MOST_TOKENS
cdef double _MILLION

cdef long long _amount(told) except? -1


cdef class Tally:
    cdef public long long count


cdef class Row:
    cdef public str backend, model, operation
    cdef public long long requests, input, cached, output, reasoning
    cdef public double cost, energy, last, last_failure
    cdef public dict failures, seconds
    cdef public Histogram first_token, per_token, input_tokens, output_tokens
    cdef Histogram _well

    cpdef went_well(self, double seconds)
    cpdef failed(self, str kind, double seconds, double now)
    @cython.locals(again=longlong, once=longlong, hidden=longlong, written=longlong)
    cpdef long long used(self, Usage usage, price) except -1


cdef class Ledger:
    cdef dict _latest, _rows, _tallies, _watts, _well, _worked
    cdef public dict finishes
    cdef public long long fallbacks
    cdef public Histogram waits, overhead

    @cython.locals(row=Row, written=longlong)
    cpdef long long attempt(self, Offer offer, str operation, double seconds, double first_token, Usage usage, str failure, double now) except -1
    cpdef forwarded(self, str backend, str operation, double seconds, str failure, double now)
    cpdef finished(self, str format_, str word)
    cpdef Tally tally(self, str client, str failure)
    @cython.locals(tally=Tally)
    cpdef exchange(self, str client, str failure, double waited, long calls)
    cdef Row _row_of(self, Offer offer, str operation)
    cdef Row _open(self, str backend, str model, str operation)
