# The types with which Cython compiles lean.py; the source is that file alone.

cimport cython

from ollamux.contract cimport Call
from ollamux_aiohttp._clock cimport monotonic
from ollamux_aiohttp._heads cimport sized
from ollamux_aiohttp.bursts cimport Burst
from ollamux_aiohttp.upstream.interface cimport Listener
from ollamux_aiohttp.upstream.parser cimport ResponseParser
from ollamux_aiohttp.upstream.pool cimport Origin, Pool


cdef class Connection
cdef class LeanTransfer
cdef class Prepared


cdef class LeanClient:
    cdef public Pool pool
    cdef object _context, _settings
    cdef public dict _prepared
    cdef public set _tasks
    cdef bint _used
    cdef Prepared _last

    @cython.locals(prepared=Prepared, method=str, url=str, transfer=LeanTransfer, connection=Connection, idle=list)
    cpdef start(self, Call call, Listener listener)


cdef class Prepared:
    cdef public object head, headers
    cdef public str method, url
    cdef public bytes encoded
    cdef public Origin origin
    cdef public bint head_only, sized


cdef class LeanTransfer:
    cdef public object task, upload
    cdef public Call call
    cdef public Listener listener
    cdef public long attempt
    cdef public LeanClient client
    cdef public Prepared prepared
    cdef public Connection connection
    cdef public bint over, paused

    cpdef prepare(self, LeanClient client, Call call, Listener listener, Prepared prepared)


cdef class Connection(ResponseParser):
    cdef public object transport
    cdef public Pool pool
    cdef public Origin origin
    cdef public LeanTransfer transfer
    cdef public Burst burst
    cdef public bytes body, late
    cdef public Listener told
    cdef public bint reused, full, headed
    cdef public double sent_at
    cdef public long stamp

    @cython.locals(call=Call, body=bytes)
    cpdef serve(self, LeanTransfer transfer, Prepared prepared)
    cpdef catch_up(self)
    cdef take_in(self)
    @cython.locals(listener=Listener, attempt=long, body=bytes)
    cpdef tell(self)
    @cython.locals(told=Listener, number=int)
    cdef let_act(self)
    cdef _release(self, LeanTransfer transfer)
    cdef _ended(self, error)


cdef int ACTS


cdef class Answers(Burst):
    @cython.locals(connection=Connection, told=Listener)
    cpdef step(self, who, int number)
