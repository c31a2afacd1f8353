"""The clock, without a Python call for those modules that are compiled."""

cimport cpython.time


cpdef double monotonic() noexcept:
    """As `time.monotonic`."""
    return cpython.time.monotonic()
