# The types with which Cython compiles rendering.py; the source is that file alone.

cdef class OllamaRenderer:
    cdef object _route, _context, _finish, _usage, _timings, _first
    cdef bint _generate
    cdef long _tops
    cdef list _turns, _said, _calls
    cdef object _dimensions
    cdef bytes _before, _between, _after

    cpdef bytes events(self, list events, double now)
    cpdef bytes end(self, double now)
    cpdef bytes keepalive(self, double now)
    cpdef bytes whole(self, answer, double now)
    cdef bytes _text(self, str text, logprobs, bytes stamp)
    cdef bytes _thought(self, str text, bytes stamp)
    cdef bytes _head(self, bytes text, str thinking, bytes calls, str reason, double now)
    cdef bytes _final(self, bytes text, str thinking, list calls, finish, logprobs, double now)
    cdef bytes _metrics(self, double now)
