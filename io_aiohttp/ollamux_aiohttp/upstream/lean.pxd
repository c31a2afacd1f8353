# The types with which Cython compiles lean.py; the source is that file alone.

from ollamux_aiohttp.upstream.parser cimport ResponseParser


cdef class Prepared:
    cdef public object head, origin, headers
    cdef public bint head_only, sized


cdef class LeanTransfer:
    cdef public object call, client, listener, prepared, task, upload
    cdef public Connection connection
    cdef public bint over, paused


cdef class Connection(ResponseParser):
    cdef public object pool, origin, transport
    cdef public LeanTransfer transfer
    cdef public bint reused, full
    cdef public double sent_at
    cdef public long stamp

    cpdef serve(self, LeanTransfer transfer, Prepared prepared)
    cdef _release(self, LeanTransfer transfer)
    cdef _ended(self, error)
