# The types with which Cython compiles incoming.py; the source is that file alone.

from ollamux.formats.asking cimport Incoming


cdef class OllamaIncoming(Incoming):
    cdef object _raw_options
    cdef dict _options

    cdef dict _checked_options(self)
    cdef _sampling(self, defaults)


cdef class _Generating(OllamaIncoming):
    cdef object _request
    cdef public object think, top_logprobs

    cdef _set(self, operation, set needs, bint empty)
    cdef _output(self)
    cdef _reasoning(self, served)


cdef class ChatIncoming(_Generating):
    pass


cdef class PlainChatIncoming(ChatIncoming):
    cdef bytes _messages
    cdef object _knobs

    cdef _judge(self)


cpdef PlainChatIncoming plain_chat(bytes body)
cpdef settled(bytes options)

cdef dict _settled
cdef set _good


cdef class GenerateIncoming(_Generating):
    cdef tuple _lost
    cdef public list turns

    cdef list _carried_on(self)


cdef class EmbedIncoming(OllamaIncoming):
    cdef object _request
    cdef public list inputs


cdef class EmbeddingsIncoming(OllamaIncoming):
    cdef object _request
