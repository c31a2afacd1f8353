# The types with which Cython compiles parser.py; the source is that file alone.

cdef class ResponseParser:
    cdef public list pieces, headers
    cdef public object on_body
    cdef public long status
    cdef public bint done, reusable
    cdef public str fault
    cdef object _parser
    cdef bint _bodyless
    cdef object _chunks, _last
    cdef Py_ssize_t _dry

    cpdef expect(self, bint bodyless)
    cpdef feed(self, bytes data)
    cdef bint _read_plain(self, bytes data) except -1
    cdef _feed_chunks(self, chunks, bytes data)
    cpdef on_message_begin(self)
    cpdef on_header(self, bytes name, bytes value)
    cpdef on_headers_complete(self)
    cpdef on_message_complete(self)
