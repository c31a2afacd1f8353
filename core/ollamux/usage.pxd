# The types with which Cython compiles usage.py; the source is that file alone.

from ollamux.contract cimport Value


cdef class Usage(Value):
    cdef readonly object input_uncached, cache_read, cache_write, output_text, reasoning
