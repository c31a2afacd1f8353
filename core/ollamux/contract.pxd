# The types with which Cython compiles contract.py; the source is that file alone.

cimport cython


cdef class Value:
    pass


@cython.no_gc
cdef class ClientRequest(Value):
    cdef readonly str method, path, peer
    cdef readonly object headers
    cdef readonly bytes body


@cython.no_gc
cdef class Call(Value):
    cdef readonly long attempt
    cdef readonly str backend, method, url, target
    cdef readonly tuple headers
    cdef readonly bytes body
    cdef readonly double connect_timeout
    cdef readonly bint public_only
    cdef readonly double wake


cdef class CallData(Value):
    cdef readonly long attempt
    cdef readonly bytes data


cdef class CallEnd(Value):
    cdef readonly long attempt


cdef class Cancel(Value):
    cdef readonly long attempt


cdef class Read(Value):
    cdef readonly long attempt
    cdef readonly bint on


cdef class ReadBody(Value):
    cdef readonly bint on


@cython.no_gc
cdef class Head(Value):
    cdef readonly long status
    cdef readonly tuple headers
    cdef readonly bint now
    cdef readonly bytes lines


cdef class Data(Value):
    cdef readonly bytes data


cdef class End(Value):
    cdef readonly bint close, broken


@cython.no_gc
cdef class Whole(Value):
    cdef readonly long status
    cdef readonly tuple headers
    cdef readonly bytes body, lines
    cdef readonly bint close


cdef class WakeAt(Value):
    cdef readonly double when


@cython.locals(made=ClientRequest)
cpdef ClientRequest request_of(str method, str path, headers, bytes body, str peer)
@cython.locals(made=Call)
cpdef Call call_of(long attempt, str backend, str url, tuple headers, bytes body, str target, double connect_timeout)
@cython.locals(made=Whole)
cpdef Whole whole_of(long status, tuple headers, bytes body, bytes lines, bint close)
