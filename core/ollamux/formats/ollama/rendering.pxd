# The types with which Cython compiles rendering.py; the source is that file alone.

cimport cython

from ollamux.answer cimport Answer
from ollamux.formats.answering cimport RenderContext
from ollamux.formats.ollama._plain cimport ending, figures, stamp
from ollamux.usage cimport Usage


cdef class OllamaRenderer:
    cdef RenderContext _context
    cdef Usage _usage
    cdef object _route, _finish, _timings, _frame
    cdef bint _generate
    cdef double _first
    cdef long _tops
    cdef list _turns, _said, _calls
    cdef object _dimensions
    cdef bytes _before, _between, _after

    cdef _begin(self, str route, RenderContext context, long tops, list turns, dimensions)
    cpdef bytes events(self, list events, double now)
    cpdef bytes end(self, double now)
    cpdef bytes keepalive(self, double now)
    @cython.locals(said=bytes)
    cpdef bytes whole(self, Answer answer, double now)
    cdef bytes _text(self, str text, logprobs, bytes stamped)
    cdef bytes _thought(self, str text, bytes stamped)
    cdef bytes _head(self, bytes text, str thinking, bytes calls, str reason, double now)
    cdef bytes _final(self, bytes text, str thinking, list calls, finish, logprobs, double now)
    cdef bytes _stamp(self, double now)
    cdef bytes _figures(self, bytes said, bytes behind, double now)
    cdef bytes _metrics(self, double now)


cdef dict _befores

@cython.locals(
    sent=double,
    first=double,
    unix=double,
    total=longlong,
    load=longlong,
    read=longlong,
    prompt=longlong,
    written=longlong,
    output=longlong,
)
cdef bytes _figured(
    RenderContext context, Usage usage, timings, double began, bytes before, bytes between, bytes said, bytes behind, double now
)
cdef long long _counted(object number) except? -1
@cython.locals(said=bytes, before=bytes, behind=bytes)
cpdef bytes plain_whole(RenderContext context, Answer answer, double now)

cdef bytes _before(str model)
@cython.locals(made=OllamaRenderer)
cpdef OllamaRenderer chat_renderer(RenderContext context)
