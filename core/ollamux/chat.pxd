# The types with which Cython compiles chat.py; the source is that file alone.

cimport cython

from ollamux.contract cimport Value


cdef class PlainMessages:
    cdef readonly bytes text
    cdef list _read

    cdef list _messages(self)


cdef class ChatRequest(Value):
    cdef readonly str model, user, service_tier
    cdef readonly object messages, tool_choice, parallel_tool_calls, sampling, output, reasoning
    cdef readonly object top_logprobs, keep_alive, truncate, shift, metadata
    cdef readonly tuple tools
    cdef readonly bint stream, logprobs


@cython.locals(made=ChatRequest)
cpdef ChatRequest chat_request(str model, messages, bint stream, sampling, reasoning, keep_alive)
@cython.locals(made=PlainMessages)
cpdef PlainMessages plain_messages(bytes text)
