# The types with which Cython compiles hedged.py; the source is that file alone.

from ollamux.exchange.model cimport ModelExchange


cdef class HedgedExchange(ModelExchange):
    cdef ModelExchange _second
    cdef object _held
    cdef long _hedged
    cdef bint _refused, _won
    cdef double _hedge_at, _second_at

    cdef bint _may_hedge(self) except -1
    cdef double _due(self) except? -1
    cdef _hedge(self, double now)
    cdef _of_second(self, wants, double now)
    cdef _own(self, wants, double now)
    cdef _agree(self)
    cdef tuple _yield(self, double now)
    cdef _lose(self, double now)
    cdef _drop(self, double now)
    cdef _wake(self, double now)
