# The types with which Cython compiles ask.py; the source is that file alone.

from ollamux.formats.asking cimport Incoming


cdef class Ask(Incoming):
    cdef public bytes said, wishes
