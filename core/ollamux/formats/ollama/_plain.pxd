# What _plain.pyx offers to other compiled modules.

from ollamux.formats.asking cimport Incoming
from ollamux.formats.ollama.ask cimport Ask

cpdef bint read_plain(Ask ask) except -1
cpdef bytes passed(Incoming incoming, str upstream, bytes body, bint chat)
cpdef bytes figures(long long total, long long load, long long read, long long prompt, long long written, long long output)
cpdef bytes ending(
    bytes before, double unix, bytes between, bytes said, bytes behind,
    long long total, long long load, long long read, long long prompt, long long written, long long output,
)
cpdef bytes stamp(double unix)
