# The types with which Cython compiles choose.py; the source is that file alone.

cimport cython

from ollamux.contract cimport Call
from ollamux_aiohttp.upstream.interface cimport Listener
from ollamux_aiohttp.upstream.lean cimport LeanClient


cdef class Upstreams:
    cdef public dict _clients, _settings
    cdef list _retired

    @cython.locals(lean=LeanClient)
    cpdef start(self, Call call, Listener listener)
