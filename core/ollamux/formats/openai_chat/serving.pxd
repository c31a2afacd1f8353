# The types with which Cython compiles serving.py; the source is that file alone.

from ollamux.formats.openai_chat._passing cimport renamed
from ollamux.formats.openai_chat.incoming cimport OpenAIIncoming, read_route
