# The types with which Cython compiles model.py; the source is that file alone.

from ollamux.exchange.base cimport Exchange


cdef class ModelExchange(Exchange):
    cdef object _house, _request, _serving, _route, _phase, _incoming, _backend, _neutral, _renderer
    cdef object _converter, _context, _error, _head_headers, _paused_at
    cdef list _candidates, _collected, _playing
    cdef tuple _warnings
    cdef str _upstream
    cdef long _attempt, _calls, _collected_size, _status
    cdef bint _committed, _relaying
    cdef double _arrived, _dispatched, _activity, _keepalive_at, _queued_until

    cdef _look_up(self, double now, bint last)
    cdef bint _same_format(self, backend) except -1
    cdef _dispatch(self, double now)
    cdef _call(self, offer, backend, double now)
    cdef dict _defaults(self, offer)
    cdef _next(self, error, double now)
    cdef bint _streams(self, headers) except -1
    cdef _make_converter(self)
    cdef _make_renderer(self)
    cdef tuple _begin(self, bytes out)
    cdef _stream_head(self)
    cdef _collect(self, bytes data, double now)
    cdef _whole(self, bytes body, double now)
    cdef bytes _render_whole(self, called, neutral, bytes body, double now)
    cdef _error_status(self, bytes body, double now)
    cdef _answer_itself(self, offer, backend, double now)
    cdef _play(self, double now)
    cdef double _deadline(self) except? -1
    cdef double _next_wake(self, double now) except? -1
    cdef _too_slow(self, double now)
    cdef _keep_alive(self, double now)
    cdef _break_off(self, error, double now, bytes out=*)
    cdef tuple _refuse(self, error, double now, tuple decision=*)
    cdef tuple _answer(self, status, headers, bytes body)
    cdef tuple _release(self)
    cdef _over(self)
