# The types with which Cython compiles standing.py; the source is that file alone.

cimport cython

from ollamux.routing.catalog cimport Offer
from ollamux.routing.station cimport Station

cdef double _PROMPT, _TOKENS, _PACE, _JOULE, _DOLLAR, _IN, _OUT
cdef long _SHUT, _ILL
cdef double _ILL_COSTS, _FAILING
cdef double STEP, MEMORY, FRESH, EAGER, DOUBT, _LINE_STEP, _FIRST_MS, _LOCAL_SHARE, _CLOUD_SHARE, _TOKEN_MS


cdef class Standing:
    # What a decision reads comes first, so that it lies side by side in memory.
    cdef public Station station
    cdef public bint blocked, out
    cdef public double base, slope, priority
    cdef public long able
    cdef public bint priced, home
    cdef public double bill, cost_in, wait_ms, read_ms, token_ms, answer_s
    cdef public long tier
    cdef public double primary, rate, turn, merit, distrust, first_ms, load_ms, cost_each, cost_out, kwh_price
    cdef public long native, running, condition
    cdef public bint cold, measured, told
    cdef public str name
    cdef public Offer offer
    cdef public object said
    cdef public tuple pair
    cdef bint _energy
    cdef double _avg_first, _avg_token, _avg_load, _first_at, _token_at, _load_at, _loaded_at
    cdef double _avg_prompt, _variance, _covariance
    cdef double _failures, _failures_at, _quickest, _usual, _size_ms

    @cython.locals(station=Station)
    cpdef began(self, double now)
    @cython.locals(sample=double, load=double)
    cpdef first_token(self, double now, double seconds, double prompt=*)
    @cython.locals(share=double)
    cdef _whole(self, double now, long tokens, double seconds)
    @cython.locals(step=double, x=double, y=double)
    cdef _sample(self, double sample, double prompt, double gap)
    @cython.locals(station=Station)
    cpdef ended(self, double now, long tokens, double seconds, double first=*)
    cpdef failed(self, double now)
    cpdef left(self)
    cpdef compared(self, double quickest, double usual, double now)
    @cython.locals(station=Station, guess=double, first=double, silent=double, share=double, steepest=double)
    cpdef estimate(self, double now)
    @cython.locals(station=Station, dollars=double, input_=double, output=double)
    cpdef weigh(self)
    @cython.locals(station=Station)
    cdef _free(self)


cdef class Field:
    cdef public str name
    cdef public tuple offers, standings
    cdef public double turn, due, quickest

    @cython.locals(standing=Standing)
    cpdef refresh(self, double now)


cdef double _follow(double average, double sample, double gap) except? -1
cdef double _step(double gap) except? -1
