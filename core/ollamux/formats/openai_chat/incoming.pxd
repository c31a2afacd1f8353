# The types with which Cython compiles incoming.py; the source is that file alone.

from ollamux.formats.asking cimport Incoming


cdef class OpenAIIncoming(Incoming):
    cdef public bint include_usage, plain
    cdef public object extensions
    cdef public int choices


cdef class OpenAIChatIncoming(OpenAIIncoming):
    pass
