# The types with which Cython compiles deciding.py; the source is that file alone.

cimport cython

from ollamux.backends cimport Backend
from ollamux.exchange.machines cimport Machines
from ollamux.formats.asking cimport Incoming
from ollamux.resilience.admission cimport Admission, Places
from ollamux.resilience.circuits cimport Circuits
from ollamux.resilience.health cimport Health
from ollamux.routing.catalog cimport Offer
from ollamux.routing.fleet cimport Fleet
from ollamux.routing.plan cimport Plan, Planner
from ollamux.routing.standing cimport Field, Standing
from ollamux.routing.station cimport Station


@cython.locals(planner=Planner, fleet=Fleet)
cpdef asked(Machines house, Incoming incoming, str format_, wishes, body=*, double tokens=*, double elapsed=*)
@cython.locals(planner=Planner, fleet=Fleet, field=Field)
cpdef planned(Machines house, tuple offers, ask, double now, long waiting)
@cython.locals(plan=Plan)
cpdef tuple decided(Machines house, str name, tuple offers, ask, double now)
cpdef list best_few(Plan plan)
cdef tuple _pair(Standing standing)
@cython.locals(fleet=Fleet, admission=Admission, circuits=Circuits, stale=set, changed=list, places=Places, station=Station)
cpdef brought_up_to_date(Machines house, double now)
@cython.locals(health=Health, backend=Backend, admission=Admission, condition=long, queued=long, admitted=long, callable_=bint)
cdef _read(Machines house, Station station, set stale)
@cython.locals(standing=Standing, still=list)
cdef _close_off(Fleet fleet, Circuits circuits, double now)
