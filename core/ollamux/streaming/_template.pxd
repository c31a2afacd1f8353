# What _template.pyx offers to other compiled modules.

cimport cython

from ollamux.clock cimport Clock
from ollamux.streaming._buffer cimport Output
from ollamux.streaming._lane cimport Lane
from ollamux.streaming._skeleton cimport Found, Plan, Skeleton


@cython.final
cdef class TemplateConverter:
    cdef object _general, _general_feed
    cdef Clock _clock
    cdef Plan _plan
    cdef Lane _lane
    cdef list _lanes
    cdef bytes _tail, _telling
    cdef double _told_at
    cdef int _misses, _pause, _epoch
    cdef bint _blank_line, _begun, _lined, _crlf, _bypass, _inside
    cdef bint _alone  # the last read was one event of the lane in use, and nothing else is held
    cdef char _last
    cdef Py_ssize_t _limit

    cpdef bytes copied(self, bytes data, double now)
    cdef bytes _feed(self, bytes data, double now)
    cdef bint _begin(self, bytes data) noexcept
    cdef void _look_at_line(self, const char* p, const char* end) noexcept
    cdef const char* _rest_of_event(self, const char* p, const char* end) noexcept
    cdef bint _renew(self, Lane lane) except -1
    cdef const char* _other(self, const char* p, const char* end, Found* found, Output* said) except? NULL
    cdef int _settle(self, Output* said) except -1
    cdef int _tell(self) except -1
    cdef int _learn(self, bytes event, bytes made, double now) except -1
    cdef bint _goes_on(self, Skeleton one, delta, frame, bytes text, bytes event, bytes made, double now) except -1
