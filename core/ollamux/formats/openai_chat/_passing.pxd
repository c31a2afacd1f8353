# What _passing.pyx offers to other compiled modules.

from ollamux.formats.openai_chat.route cimport Route

cpdef bytes asked_as(bytes body, bytes name)
cpdef bint holds(bytes body, bytes word)
cpdef tuple renamed(bytes body, str name)
cpdef Route route_of(bytes body)
cpdef bint shows(bytes body, tuple words)
