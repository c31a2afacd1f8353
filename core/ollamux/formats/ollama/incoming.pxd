# The types with which Cython compiles incoming.py; the source is that file alone.

cimport cython

from ollamux.chat cimport chat_request, plain_messages
from ollamux.formats.asking cimport Served
from ollamux.formats.ollama._plain cimport read_plain
from ollamux.formats.ollama.ask cimport Ask


cdef class Settled:
    cdef readonly dict options
    cdef readonly object sampling


cdef class OllamaIncoming(Ask):
    cdef object _raw_options
    cdef public str route
    cdef dict _options

    cpdef check(self, Served served)
    cpdef neutral(self, Served served, defaults)
    cdef dict _checked_options(self)
    cdef _sampling(self, defaults)


cdef class _Generating(OllamaIncoming):
    cdef object _request
    cdef public object think, top_logprobs

    cpdef check(self, Served served)
    cdef _set(self, operation, set needs, bint empty)
    cdef _output(self)
    cdef _reasoning(self, Served served)


cdef class ChatIncoming(_Generating):
    cpdef neutral(self, Served served, defaults)


cdef class PlainChatIncoming(ChatIncoming):
    cdef object _knobs

    cpdef check(self, Served served)
    cpdef neutral(self, Served served, defaults)
    cdef _set_plain(self, Settled options)
    cdef _judge(self)


@cython.locals(known=Settled, incoming=PlainChatIncoming)
cpdef PlainChatIncoming plain_chat(bytes body)
cpdef Settled settled(bytes options)

cdef dict _settled
cdef set _good


cdef class GenerateIncoming(_Generating):
    cdef tuple _lost
    cdef public list turns

    cpdef neutral(self, Served served, defaults)
    cdef list _carried_on(self)


cdef class EmbedIncoming(OllamaIncoming):
    cdef object _request
    cdef public list inputs

    cpdef neutral(self, Served served, defaults)


cdef class EmbeddingsIncoming(OllamaIncoming):
    cdef object _request

    cpdef neutral(self, Served served, defaults)
