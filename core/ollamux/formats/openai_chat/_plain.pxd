# What _plain.pyx offers to other compiled modules.

from ollamux.usage cimport Usage

cdef Usage spent_on(long long read, long long cached, long long stored, long long written, long long thought)
