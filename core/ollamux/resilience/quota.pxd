# The types with which Cython compiles quota.py; the source is that file alone.

cdef class Bucket:
    cdef double _at, _level
    cdef public double capacity, rate

    cpdef double level(self, double now) except? -1
    cpdef double wait(self, double amount, double now, double before=*) except? -1
    cpdef take(self, double amount, double now)
    cpdef become(self, double capacity, double rate, double level, double now)


cdef class Quota:
    cdef list _requests, _tokens
    cdef public object line
    cdef Bucket _pace, _requests_told, _tokens_told
    cdef double _flow, _flow_at, _pace_before, _tokens_under_way, _until
    cdef long _row, _under_way

    cpdef double wait(self, double tokens, double now, double calls=*, double before=*, double tokens_before=*) except? -1
    cpdef double turn(self, who, long priority, str client, double tokens, double now, double calls=*) except? -1
    cpdef double take(self, double tokens, double now, double calls=*) except? -1
    cpdef owe(self, double calls, double now)
    cpdef settle(self, double taken, double used, double now)
