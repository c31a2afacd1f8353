# The types with which Cython compiles client.py; the source is that file alone.

cimport cython

from ollamux_aiohttp.deadlines cimport Sleeper
from ollamux_aiohttp.lane cimport LaneParser
from ollamux_aiohttp.upstream.interface cimport Listener

cdef class Client


cdef class Answering(Listener):
    cpdef client_paused(self)
    cpdef client_resumed(self)
    cpdef client_gone(self)


cdef class Lane:
    cpdef begin(self, Client client, message, bytes body)


cdef class Client(Sleeper):
    cdef public object connection, transport
    cdef public Lane lane
    cdef public LaneParser reader
    cdef public Answering driver
    cdef public str peer
    cdef public double left_at
    cdef public bint busy, closing
    cdef public bytearray held
    cdef public Py_ssize_t head_bytes

    cpdef leave(self, bint keep_alive, double now)
    cpdef hold(self, bytes data)
