# The types with which Cython compiles backends.py; the source is that file alone.

cimport cython

from ollamux.contract cimport Call, call_of
from ollamux.formats.base cimport Calling, Dialect
from ollamux.formats.outgoing cimport Outgoing
from ollamux.resilience.health cimport Health
from ollamux.routing.catalog cimport Offer


cdef class Backend:
    cdef public object config, provider, answers_itself, files, token, endpoint, keeping, probe_key
    cdef public Calling calling
    cdef public Health health
    cdef public dict others
    cdef public object loaded
    cdef public str id, misconfigured, root, base
    cdef public double connect_timeout, first_byte, idle, timeout, total
    cdef public tuple decision, headers
    cdef public bint loading, manages, models_seen, restricted, watched
    cdef object _target, _clock, _dialect_hook, _url_hook, _signer, _ring
    cdef str _via
    cdef dict _named, _dialects, _joins, _typed, _urls
    cdef tuple _headers_of, _queries
    cdef bint _shaped
    cdef Dialect _dialect

    cpdef bint can_be_called(self) except -1
    cpdef Calling calling_for(self, Offer offer, str client, str operation)
    cpdef Dialect dialect_for(self, str upstream)
    cpdef tuple typed(self, str kind)
    @cython.locals(url=str, headers=tuple)
    cpdef Call call(self, long attempt, Outgoing outgoing, str upstream=*, long key=*, double now=*)
    cpdef tuple _joined(self, long key, tuple extra)
