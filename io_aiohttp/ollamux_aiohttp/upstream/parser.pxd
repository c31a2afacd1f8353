# The types with which Cython compiles parser.py; the source is that file alone.

cimport cython

from ollamux_aiohttp._heads cimport ChunkReader as Chunks, LastHead as Last, behind, read_answer

cdef dict _known


cdef class ResponseParser:
    cdef public list headers
    cdef list _pieces
    cdef public object on_body
    cdef public long status
    cdef public bint done, reusable
    cdef public str fault
    cdef object _parser
    cdef bint _bodyless
    cdef Chunks _chunks
    cdef Last _last
    cdef Py_ssize_t _dry

    cpdef expect(self, bint bodyless)
    @cython.locals(chunks=Chunks, body=bytes)
    cpdef bytes feed(self, bytes data)
    @cython.locals(pieces=list, body=bytes)
    cdef bytes _feed_llhttp(self, bytes data)
    @cython.locals(last=Last, size=Py_ssize_t, chunks=Chunks, body=bytes)
    cdef bytes _read_plain(self, bytes data)
    @cython.locals(body=bytes)
    cdef bytes _feed_chunks(self, Chunks chunks, bytes data)
    cpdef on_message_begin(self)
    cpdef on_header(self, bytes name, bytes value)
    cpdef on_headers_complete(self)
    cpdef on_message_complete(self)
