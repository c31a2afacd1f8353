# The types with which Cython compiles lane.py; the source is that file alone.

cimport cython

from ollamux_aiohttp._heads cimport PlainHeaders as Plain, behind, read_post


cdef class LaneHeaders:
    cdef dict _fields

    cpdef get(self, str name, default=*)


cdef class LaneParser:
    cdef object _takes, _parser
    cdef list _body
    cdef dict _fields
    cdef bytearray _raw
    cdef long _count, _head_size, _head_limit
    cdef bint _done, _odd, _quick
    cdef Plain _before
    cdef public bint head_only, headed, old, should_close
    cdef public str method, path
    cdef public bytes body
    cdef public object headers

    cpdef int feed(self, bytes data) except? -2
    @cython.locals(headers=Plain, before=Plain, size=Py_ssize_t)
    cdef bint _read_plain(self, bytes data) except -1
    cpdef on_message_begin(self)
    cpdef on_url(self, bytes url)
    cpdef on_header(self, bytes name, bytes value)
    cpdef on_headers_complete(self)
    cpdef on_body(self, bytes data)
    cpdef on_message_complete(self)
