# The types with which Cython compiles keeping.py; the source is that file alone.

cimport cython

from ollamux.contract cimport Value


cdef class Terms(Value):
    cdef readonly object num_ctx, keep_alive


cdef class Use:
    cdef public long running
    cdef public double used_at, stays_until
    cdef public object context, default_context
    cdef public bint by_default


cdef class Keeping:
    cdef dict _uses

    @cython.locals(use=Use)
    cpdef begin(self, str backend, str model, num_ctx, keep_alive, double now)
    @cython.locals(use=Use)
    cpdef end(self, str backend, str model, double now)
    @cython.locals(use=Use)
    cpdef bint busy(self, str backend, str model) except -1


cdef _context(Use use, asked)
cdef _stay(Use use, asked, double now)
