# The types with which Cython compiles plain_messages.py; the source is that file alone.

cdef class PlainMessages:
    cdef readonly bytes text
    cdef list _read

    cdef list _messages(self)


cpdef PlainMessages plain_messages(bytes text)
