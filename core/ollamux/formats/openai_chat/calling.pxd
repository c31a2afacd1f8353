# The types with which Cython compiles calling.py; the source is that file alone.

from ollamux.formats.openai_chat.incoming cimport OpenAIIncoming


cdef bytes _as_it_is(OpenAIIncoming incoming, str upstream_model, dialect)
