# The types with which Cython compiles pump.py; the source is that file alone.

cimport cython

from ollamux.contract cimport request_of
from ollamux.gateway cimport Gateway

from ollamux_aiohttp._clock cimport monotonic
from ollamux_aiohttp.bursts cimport Burst
from ollamux_aiohttp.client cimport Client
from ollamux_aiohttp.driver cimport Desk, Driver
from ollamux_aiohttp.lane cimport LaneParser


cdef class Arrivals


cdef class Pump(Desk):
    cdef public Arrivals arrivals
    cdef public Py_ssize_t body_limit
    cdef public bint lane

    @cython.locals(driver=Driver)
    cpdef open(self, Client client, message, bytes body)
    @cython.locals(gateway=Gateway, now=double, lane=LaneParser, driver=Driver, stays=bint, old=bint, head_only=bint, method=str, path=str)
    cpdef Driver opened(self, Client client, message, bytes body)
    @cython.locals(gateway=Gateway)
    cpdef under_way(self, Driver driver)
    cpdef begin(self, Client client, message, bytes body)


cdef class Arrivals(Burst):
    cdef Pump _pump

    @cython.locals(client=Client, reader=LaneParser, driver=Driver)
    cpdef step(self, who, int number)
