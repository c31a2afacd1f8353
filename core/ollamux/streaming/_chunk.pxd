# What _chunk.pyx offers to other compiled modules.

from ollamux.streaming._json cimport Span


cdef class PlainChunk:
    cdef bytes _payload  # in which the spans lie
    cdef Span _id, _model, _kind, _role, _finish, _said, _thought, _delta
    cdef long long _created
    cdef readonly object usage, timings
    cdef readonly bint chosen, delta, named, identified, spoken, ended, spent


cpdef speaks(bytes payload)
cpdef PlainChunk read_chunk(bytes payload)
