# The types with which Cython compiles answer_heads.py; the source is that file alone.


cdef class AnswerHeads:
    cdef dict _heads
    cdef tuple _told
    cdef int _told_status
    cdef bytes _date, _told_head
    cdef double _date_until

    cpdef bytes encoded(self, int status, tuple headers, double now)
    cdef bytes _kept(self, int status, tuple headers)
