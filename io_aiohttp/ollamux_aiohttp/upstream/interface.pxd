# The types with which Cython compiles interface.py; the source is that file alone.

from ollamux_aiohttp.deadlines cimport Sleeper


cdef class Listener(Sleeper):
    cpdef attempt_head(self, long attempt, long status, headers)
    cpdef attempt_data(self, long attempt, bytes data, bint last)
    cpdef attempt_end(self, long attempt)
    cpdef bint attempt_whole(self, long attempt, long status, headers, bytes data) except -1
    cpdef act(self, int number)
