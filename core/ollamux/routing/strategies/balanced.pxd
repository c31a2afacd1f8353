# The types with which Cython compiles balanced.py; the source is that file alone.

from ollamux.routing.strategies.base cimport Strategy


cdef class Balanced(Strategy):
    pass
