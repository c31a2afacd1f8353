# The types with which Cython compiles driver.py; the source is that file alone.

cimport cython

from ollamux.contract cimport Call, Data, End, Head, WakeAt, Whole
from ollamux.exchange.base cimport Exchange
from ollamux.gateway cimport Gateway

from ollamux_aiohttp._clock cimport monotonic
from ollamux_aiohttp._heads cimport chunked, sized
from ollamux_aiohttp.answer_heads cimport AnswerHeads
from ollamux_aiohttp.client cimport Answering, Client, Lane
from ollamux_aiohttp.deadlines cimport Deadlines
from ollamux_aiohttp.upstream.choose cimport Upstreams


cdef class Desk(Lane):
    cdef public Gateway gateway
    cdef public Deadlines deadlines
    cdef public Upstreams upstreams
    cdef public AnswerHeads heads
    cdef public object loop, drain, staying, closing


cdef class Driver(Answering):
    cdef object _waiter, _transfer, _due
    cdef Exchange _exchange
    cdef Desk _desk
    cdef Client _client
    cdef bint _head_only, _keep_alive, _old, _lane, _chunked, _wrote_head, _over, _holding
    cdef bytes _before, _held
    cdef long _attempt, _ending
    cdef double _now
    cdef public double opened
    cdef dict _others
    cdef public object body_gate

    cpdef prepare(self, Desk desk, Client client, Exchange exchange, bint head_only, bint stays, bint old, bint lane, double now)
    cpdef attempt_head(self, long attempt, long status, headers)
    cpdef attempt_data(self, long attempt, bytes data, bint last)
    cpdef attempt_end(self, long attempt)
    cpdef start(self)
    cpdef take_in(self)
    cpdef take_place(self)
    cpdef begin(self)
    cpdef act(self, int number)
    cdef _end_whole(self)
    cdef _catch_up(self)
    cpdef carry_out(self)
    @cython.locals(exchange=Exchange, now=double)
    cpdef bint attempt_whole(self, long attempt, long status, headers, bytes data) except -1
    @cython.locals(told=tuple, call=Call, piece=Data, head=Head, wake=WakeAt, whole=Whole)
    cpdef do(self, wants)
    cdef _call(self, Call call)
    cdef _under_way(self, long attempt)
    cdef _ended(self, long attempt)
    cdef _do_rarely(self, want)
    cdef _begin(self, Head head, bytes data)
    cdef _end(self, Head head, bytes data, End end)
    cdef _whole(self, long status, tuple headers, bytes lines, bytes data)
    cdef tuple _headers(self, tuple headers)
    cdef bytes _last_lines(self, bytes lines)
    cdef _write(self, bytes data, bytes before=*)
    cdef _send(self, bytes data)
    cdef _let_go(self, bytes end=*)
    @cython.locals(client=Client)
    cdef _finish(self)
    cpdef wake(self, double now)
    cdef _fail(self)
