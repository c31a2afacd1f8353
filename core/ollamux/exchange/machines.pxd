# The types with which Cython compiles machines.py; the source is that file alone.

from ollamux.accounting.ledger cimport Ledger
from ollamux.backends cimport Backend
from ollamux.clock cimport Clock
from ollamux.news cimport Feed
from ollamux.resilience.admission cimport Admission
from ollamux.resilience.guards cimport Guards
from ollamux.routing.catalog cimport Catalog
from ollamux.routing.plan cimport Planner


cdef class Machines:
    cdef public Admission admission
    cdef public Catalog catalog
    cdef public Clock clock
    cdef public Feed feed
    cdef public Guards guards
    cdef public Ledger ledger
    cdef public Planner planner
    cdef public object keep_alive
    cdef public long answer_limit
    cdef public double queue_timeout
    cdef public bint balances, fail_over, resumes
    cdef dict _backends

    cpdef Backend backend(self, str id_)
