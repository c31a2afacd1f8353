# The types with which Cython compiles state.py; the source is that file alone.

from ollamux.backends cimport Backend
from ollamux.contract cimport ClientRequest, whole_of
from ollamux.exchange.base cimport Exchange
from ollamux.exchange.machines cimport Machines
from ollamux.exchange.telling cimport told as decision_told
from ollamux.exchange.trying cimport Tries
from ollamux.formats.answering cimport RenderContext, context_of
from ollamux.formats.asking cimport Incoming, Served
from ollamux.formats.base cimport Calling, Dialect, Serving
from ollamux.routing.catalog cimport Offer
from ollamux.routing.plan cimport Plan
from ollamux.streaming._template cimport TemplateConverter
from ollamux.usage cimport Usage

cdef double inf
cdef dict _TYPES


cdef class ModelState(Exchange):
    cdef ClientRequest _request
    cdef Machines _house
    cdef Calling _called
    cdef Dialect _dialect
    cdef Serving _serving
    cdef object _route, _phase, _neutral, _renderer
    cdef object _converter, _place, _head_headers, _paused_at
    cdef object _early, _lost, _made, _constraints, _fan, _fetching, _prospect, _among, _sent
    cdef TemplateConverter _copier
    cdef Usage _spent, _usage
    cdef dict _pictures
    cdef str _failure, _format
    cdef long _answer_status
    cdef double _first_token, _queued_at, _waited
    cdef Plan _plan
    cdef Tries _tries
    cdef RenderContext _context
    cdef Incoming _incoming
    cdef Offer _offer
    cdef Served _served
    cdef Backend _backend
    cdef list _collected, _others, _playing
    cdef tuple _warnings
    cdef str _upstream
    cdef bytes _opening, _first
    cdef long _attempt, _before, _collected_size, _status, _key
    cdef bint _choosy, _committed, _going_on, _keeps, _relaying, _resumed, _seeking, _sought, _found
    cdef double _arrived, _called_at, _dispatched, _activity, _keepalive_at, _queued_until, _rested_until

    cpdef prepare(self, house, ClientRequest request, Serving serving, route, place)
    cdef RenderContext _told(self)
    cdef _goes_out(self, double now)
    cdef str _stream_type(self)
    cdef _make_renderer(self)
    cdef bytes _lines(self)
    cdef tuple _decision(self)
    cdef tuple _typed(self, str kind, bint told)
    cdef _stream_head(self)
    cdef tuple _named(self, tuple told, bint always=*)
    cdef double _deadline(self) except? -1
    cdef double _next_wake(self, double now) except? -1
    cdef tuple _answer(self, long status, tuple headers, bytes body, bytes lines=*)
