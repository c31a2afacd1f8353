"""Events with holes: how one is made of an event, and whether another event fits.

Strategy: an event is looked through once, as a row of keys and values. Holes are left where a member stands that brings
text, that nobody reads, or that counts the cost; all else is constant, and is compared as it stands.

Rules: text that is empty or that some decoder refuses never fits; a number has no fraction and no zero in front; of two
members with the same text the second has to have it again. A `bytes` object ends with a NUL, which stops every scan.
"""

from functools import lru_cache

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.string cimport memchr, memcmp

from ollamux.streaming._buffer cimport Output, begin, release, reserve
from ollamux.streaming._json cimport spaces
from ollamux.streaming._scan cimport PLAIN, ascii_end, digits_end, same
from ollamux.streaming._text cimport fill_kinds, string_end, unescape

__all__ = ("Plan", "plan_of")

cdef unsigned char JSON[256]
fill_kinds(JSON, False)


cdef class Plan:
    """What is looked for, and the skeletons that were found with it, the newest first."""

    def __cinit__(self, tuple markers, tuple ignored, tuple counted, bint mirror):
        self.markers = markers
        self.ignored = ignored
        self.counted = counted
        self.mirror = mirror
        self.known = []


plan_of = lru_cache(maxsize=64)(Plan)


cdef class Skeleton:
    """An event with holes. `kind` is the type of the delta that it stands for, None in front of a relay."""

    cdef const char* match(self, int at, const char* p, const char* end, const unsigned char* kinds, Found* found) noexcept:
        """Where the event ends whose segments from `at` on begin at p, if it fits, else NULL."""
        cdef Segment* segment
        cdef const char* start
        cdef bint odd = False
        while at < self.count:
            segment = &self.segments[at]
            if end - p < segment.size or not same(p, segment.literal, segment.size):
                return NULL
            if at == self.changed:
                found.change = p
            p += segment.size
            start = p
            if segment.hole == WORDS:
                p = <const char*>string_end(<const unsigned char*>p, kinds, &odd)
                if p == NULL or p == start:
                    return NULL
                found.text = start
                found.size = p - start
                found.odd = odd
            elif segment.hole == SAME:
                if end - p < found.size or not same(p, found.text, found.size):
                    return NULL
                p += found.size
            elif segment.hole == SIGN:
                p = <const char*>ascii_end(<const unsigned char*>p)
            elif segment.hole == COUNT:
                p = digits_end(p, end)
                if p == start or (start[0] == 48 and p - start > 1) or p - start > 15:
                    return NULL
            at += 1
        return p

    cdef int change(self, bytes made) except -1:
        """Learn what a relay changes; false where that is more than one thing in the constant bytes."""
        cdef const char* before = PyBytes_AS_STRING(self.event)
        cdef const char* after = PyBytes_AS_STRING(made)
        cdef Py_ssize_t size = PyBytes_GET_SIZE(self.event), other = PyBytes_GET_SIZE(made)
        cdef Py_ssize_t shorter = min(size, other), same = 0, alike = 0, edge
        cdef int at
        while same < shorter and before[same] == after[same]:
            same += 1
        while alike < shorter - same and before[size - 1 - alike] == after[other - 1 - alike]:
            alike += 1
        for at in range(self.count):
            edge = self.segments[at].literal - before
            if edge <= same and size - alike <= edge + self.segments[at].size:
                self.changed = at
                self.old = self.event[edge : edge + self.segments[at].size]
                self.new = made[edge : edge + self.segments[at].size + other - size]
                return True
        return False


cdef Skeleton skeleton_of(Plan plan, bytes event, object kind, bytes text):
    """This event with holes, None where it has no text that it could be known by."""
    cdef Skeleton one = Skeleton()
    cdef const unsigned char* p = <const unsigned char*>PyBytes_AS_STRING(event)
    cdef const unsigned char* end = p + PyBytes_GET_SIZE(event)
    cdef const unsigned char* at = p  # the end of the last hole
    cdef const unsigned char* key
    cdef const unsigned char* start
    cdef const unsigned char* stop
    cdef const unsigned char* words = NULL
    cdef Py_ssize_t key_size, size, words_size = 0
    cdef int depth = 0, count = 0
    cdef Hole hole
    cdef bint odd = False
    if event.startswith(b"\xef\xbb\xbf"):
        return None
    one.event = event
    one.kind = kind
    one.changed = -1
    p = <const unsigned char*>memchr(p, 123, end - p)
    if p == NULL:
        return None
    while True:
        if p[0] == 123 or p[0] == 91:
            depth += 1
        elif p[0] == 125 or p[0] == 93:
            depth -= 1
            if depth == 0:
                break
        elif p[0] == 0 or p[0] == 10 or p[0] == 13:
            return None
        if p[0] != 34:
            p += 1
            continue
        key = p + 1
        p = string_end(key, JSON, &odd)
        if p == NULL:
            return None
        key_size = p - key
        p += 1
        start = spaces(p)
        if start[0] != 58:
            continue
        p = start = spaces(start + 1)
        hole = NOTHING
        if start[0] == 34:
            start += 1
            p = string_end(start, JSON, &odd)
            if p == NULL:
                return None
            size = p - start
            if depth == 1 and among(plan.ignored, <const char*>key, key_size):
                stop = start
                while JSON[stop[0]] == PLAIN:
                    stop += 1
                hole = SIGN if stop == p else NOTHING
            elif size and among(plan.markers, <const char*>key, key_size):
                if kind is None:
                    hole = WORDS
                elif words != NULL:
                    if size == words_size and memcmp(words, start, size) == 0:
                        hole = SAME
                elif says(start, p, text):
                    hole = WORDS
                    words = start
                    words_size = size
            p += 1
        elif 48 <= start[0] <= 57:
            while 48 <= p[0] <= 57:
                p += 1
            size = p - start
            if depth == 1 and among(plan.ignored, <const char*>key, key_size):
                hole = COUNT
            elif among(plan.counted, <const char*>key, key_size):
                hole = COUNT
                one.telling = True
        if hole != NOTHING:
            if count == SEGMENTS - 1:
                return None
            one.segments[count].literal = <const char*>at
            one.segments[count].size = start - at
            one.segments[count].hole = hole
            count += 1
            at = start + size
    one.segments[count].literal = <const char*>at
    one.segments[count].size = end - at
    one.segments[count].hole = NOTHING
    one.count = count + 1
    if spaces(p + 1) != end:
        return None
    size = 0
    for depth in range(count):
        hole = one.segments[depth].hole
        if hole == WORDS and not size:
            one.first = depth
        size += hole == WORDS or hole == SAME
    if not size:
        return None
    one.simple = size == 1 or (size == 2 and one.segments[one.first + 1].hole == SAME)
    one.copied = size == 2
    return one


cdef bint among(tuple names, const char* name, Py_ssize_t size) noexcept:
    cdef bytes one
    for one in names:
        if PyBytes_GET_SIZE(one) == size and memcmp(PyBytes_AS_STRING(one), name, size) == 0:
            return True
    return False


cdef bint says(const unsigned char* start, const unsigned char* end, bytes text) except -1:
    """Whether this inside of a string says this text."""
    cdef Output said
    begin(&said)
    try:
        reserve(&said, end - start)
        said.size = unescape(said.data, start, end)
        return said.size == PyBytes_GET_SIZE(text) and memcmp(said.data, PyBytes_AS_STRING(text), said.size) == 0
    finally:
        release(&said)
