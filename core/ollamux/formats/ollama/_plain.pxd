# What _plain.pyx offers to other compiled modules.

cimport cython


@cython.freelist(8)
@cython.no_gc
cdef class PlainAsk:
    cdef readonly str model
    cdef readonly bytes messages, options
    cdef readonly bint stream


cpdef PlainAsk read_plain(bytes body)
cpdef tuple passed(bytes body, str name, bint chat)
cpdef bytes figures(long long total, long long load, long long read, long long prompt, long long written, long long output)
cpdef bytes ending(
    bytes before, double unix, bytes between, bytes said, bytes behind,
    long long total, long long load, long long read, long long prompt, long long written, long long output,
)
cpdef bytes stamp(double unix)
