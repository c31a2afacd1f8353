# What _plain.pyx offers to other compiled modules.

from ollamux.answer cimport Answer
from ollamux.usage cimport Usage

cdef Usage spent_on(long long read, long long cached, long long stored, long long written, long long thought)
cpdef Answer read_plain(bytes body)
cpdef Usage usage_of(bytes body)
