# The types with which Cython compiles incoming.py; the source is that file alone.

cdef class OpenAIIncoming:
    cdef public bytes body
    cdef public str model, operation
    cdef public bint stream, include_usage, plain
    cdef public object keep_alive, grammar_error, needs, extensions
    cdef public tuple warnings


cdef class OpenAIChatIncoming(OpenAIIncoming):
    pass
