# What _skeleton.pyx offers to other compiled modules.

cdef enum:
    SEGMENTS = 24  # a skeleton's constant pieces, at most

cdef enum Hole:
    NOTHING, WORDS, SAME, SIGN, COUNT

cdef struct Segment:
    # Constant bytes, and the hole behind them.
    const char* literal
    Py_ssize_t size
    Hole hole

cdef struct Found:
    # Where the text of an event stands, whether it has to be spelled anew, and where the bytes begin that change.
    const char* text
    Py_ssize_t size
    const char* change
    bint odd


cdef class Plan:
    cdef tuple markers, ignored, counted
    cdef bint mirror
    cdef list known


cdef class Skeleton:
    cdef bytes event, old, new
    cdef object kind
    cdef Segment segments[SEGMENTS]
    cdef int count, changed
    cdef int first  # the segment in front of the text
    cdef bint simple  # there is one text, and no copy of it but for one in the next hole
    cdef bint copied
    cdef bint telling

    cdef const char* match(self, int at, const char* p, const char* end, const unsigned char* kinds, Found* found) noexcept
    cdef int change(self, bytes made) except -1


cdef Skeleton skeleton_of(Plan plan, bytes event, object kind, bytes text)
