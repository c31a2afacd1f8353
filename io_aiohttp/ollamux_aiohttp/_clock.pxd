# What _clock.pyx offers to other compiled modules.

cpdef double monotonic() noexcept
