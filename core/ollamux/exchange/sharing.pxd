# The types with which Cython compiles sharing.py; the source is that file alone.

cimport cython

from ollamux.formats.asking cimport Incoming
from ollamux.formats.outgoing cimport Outgoing
from ollamux.hardware.keeping cimport Keeping, Terms


@cython.locals(terms=Terms)
cpdef begun(Keeping keeping, str backend, str upstream, Incoming incoming, stay, Outgoing outgoing, double now)
cpdef ended(Keeping keeping, str backend, str upstream, Incoming incoming, double now)
