# What _passing.pyx offers to other compiled modules.

from ollamux.formats.asking cimport Incoming
from ollamux.formats.openai_chat.route cimport Routed

cpdef bytes asked_as(bytes body, bytes name)
cpdef bint holds(bytes body, bytes word)
cpdef bytes joined(bytes first, bytes second, bytes third, bytes fourth)
cpdef bytes renamed(Incoming incoming, bytes body)
cpdef bint route_of(Routed incoming) except -1
cpdef bint shows(bytes body, tuple words)
