# The types with which Cython compiles deciding.py; the source is that file alone.

cimport cython

from ollamux.backends cimport Backend
from ollamux.resilience.admission cimport Admission
from ollamux.resilience.circuits cimport Circuits
from ollamux.resilience.health cimport Health
from ollamux.routing.standing cimport Field, Standing
from ollamux.routing.station cimport Station


@cython.locals(admission=Admission, circuits=Circuits, any_open=bint, standing=Standing, station=Station, backend=Backend, callable_=bint, health=Health, condition=long, queued=long, apart=long, out=bint)
cpdef brought_up_to_date(house, Field field, double now)
