# The types with which Cython compiles base.py; the source is that file alone.

from ollamux.contract cimport Value
from ollamux cimport answer as neutral
from ollamux.formats cimport answering, asking, outgoing  # by these names: base.py offers their classes to Python


cdef class Dialect(Value):
    cdef readonly dict sampling, extra, prefill
    cdef readonly str think, max_tokens, reasoning_echo
    cdef readonly tuple reasoning_fields, cues, beside
    cdef readonly bint stream_options, top_logprobs, json_schema, developer, image_urls, files, dimensions, metadata
    cdef readonly bint completions, predicts, strict, echo_wanted
    cdef readonly long most_inputs, call_ids, tool_names
    cdef readonly frozenset signatures, tool_choice, refuses


cdef class Serving:
    cdef readonly str name
    cdef public str whole_type
    cdef readonly tuple routes

    cpdef asking.Incoming read(self, route, bytes body, headers, place=*)
    cpdef renderer(self, asking.Incoming incoming, answering.RenderContext context)
    cpdef bytes whole(self, asking.Incoming incoming, answering.RenderContext context, neutral.Answer answer, double now)
    cpdef bytes relay_whole(self, asking.Incoming incoming, str upstream_model, bytes body, double now)


cdef class Calling:
    cdef readonly str name
    cdef readonly tuple text_markers
    cdef readonly frozenset finishes

    cpdef outgoing.Outgoing build(self, request, str upstream_model, Dialect dialect)
    cpdef outgoing.Outgoing passthrough(self, asking.Incoming incoming, str upstream_model, defaults, Dialect dialect)
    cpdef whole(self, request, bytes body, Dialect dialect)
