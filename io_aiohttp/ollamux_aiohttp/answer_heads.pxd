# The types with which Cython compiles answer_heads.py; the source is that file alone.

cimport cython


cdef class AnswerHeads:
    cdef dict _lines
    cdef tuple _told
    cdef int _told_status
    cdef bytes _date, _told_head
    cdef double _date_until

    @cython.locals(head=list, line=bytes, pair=tuple)
    cpdef bytes encoded(self, int status, tuple headers, double now)
    @cython.locals(line=bytes)
    cdef bytes _line(self, tuple pair)


cdef bytes _OK
