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


cdef class WakeAt(Value):
    cdef readonly double when


@cython.locals(made=ClientRequest)
cpdef ClientRequest request_of(str method, str path, headers, bytes body, str peer)
@cython.locals(made=Call)
cpdef Call call_of(long attempt, str backend, str url, tuple headers, bytes body, str target, double connect_timeout)
@cython.locals(head=Head, data=Data)
cpdef tuple whole_answer(long status, tuple headers, bytes lines, bytes body, End end)
@cython.locals(made=WakeAt)
cpdef WakeAt wake_at(double when)
