# What _plain.pyx offers to other compiled modules.

cdef class Figures:
    cdef public long long total, load, read, prompt, written, output

    cpdef bytes members(self)
    cdef char* write(self, char* p) noexcept
    cpdef bytes ending(self, bytes before, double unix, bytes between, bytes said, bytes behind)
