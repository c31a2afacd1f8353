# The types with which Cython compiles pump.py; the source is that file alone.

cimport cython

from ollamux.accounting.ledger cimport Ledger
from ollamux.contract cimport Call, ClientRequest, Data, End, Head, WakeAt
from ollamux.exchange.base cimport Exchange
from ollamux.gateway cimport Gateway

from ollamux_aiohttp._clock cimport monotonic
from ollamux_aiohttp.deadlines cimport Deadlines, Sleeper
from ollamux_aiohttp.lane cimport LaneParser
from ollamux_aiohttp.upstream.interface cimport Listener
from ollamux_aiohttp.upstream.choose cimport Upstreams


cdef class Client
cdef class Driver


cdef class Pump:
    cdef public Gateway gateway
    cdef public Deadlines deadlines
    cdef public Upstreams upstreams
    cdef public object loop, drain, staying, closing, body_limit
    cdef public bint lane
    cdef dict _heads
    cdef tuple _told
    cdef int _told_status
    cdef bytes _date, _told_head
    cdef double _date_until

    @cython.locals(gateway=Gateway, now=double, client=Client, lane=LaneParser, driver=Driver, stays=bint, old=bint, ledger=Ledger)
    cpdef begin(self, connection, message, bytes body)
    cpdef bytes head(self, int status, tuple headers, double now)
    cdef bytes _kept(self, int status, tuple headers)


cdef class Client(Sleeper):
    cdef public object transport
    cdef public str peer
    cdef public Driver driver
    cdef public double left_at


cdef class Driver(Listener):
    cdef object _connection, _waiter
    cdef Exchange _exchange
    cdef Pump _pump
    cdef Client _client
    cdef bint _head_only, _keep_alive, _old, _lane, _chunked, _wrote_head, _over
    cdef dict _transfers
    cdef public object body_gate

    cpdef attempt_head(self, long attempt, long status, headers)
    cpdef attempt_data(self, long attempt, bytes data)
    cpdef attempt_end(self, long attempt)
    cpdef start(self, double now)
    @cython.locals(call=Call, piece=Data, head=Head, wake=WakeAt)
    cpdef do(self, wants)
    cdef _do_rarely(self, want)
    cdef _begin(self, Head head, bytes data)
    cdef _end(self, Head head, bytes data, End end)
    cdef _whole(self, Head head, bytes data)
    cdef tuple _headers(self, Head head)
    cdef bytes _connection_line(self)
    cdef _write(self, bytes data)
    cdef _send(self, bytes data)
    @cython.locals(client=Client)
    cdef _finish(self)
    cpdef wake(self, double now)
    cdef _fail(self)
