"""A skeleton at work in one stream: which events fit, and what is written for them.

Strategy: what stands around the text in the last event is compared as a whole first, since most often it stays the
same; only where it does not are the holes of the skeleton tried, and where it never does that is given up.

Rules: a frame that this module cannot write by (a slot in front of all bytes, two slots in a row) closes the lane.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from libc.string cimport memcmp, memcpy

from ollamux.streaming._buffer cimport Output, reserve
from ollamux.streaming._scan cimport digits
from ollamux.streaming._skeleton cimport Found, Skeleton
from ollamux.streaming._text cimport fill_kinds, respell, string_end

from ollamux.streaming.translator import STAMP, TEXT

__all__ = ()

cdef enum:
    CREDIT = 4  # events in a row that differ in more than their text, before they are no longer compared as a whole

cdef unsigned char JSON[256]
cdef unsigned char GO[256]

fill_kinds(JSON, False)
fill_kinds(GO, True)

cdef int slot_text = TEXT, slot_stamp = STAMP


cdef class Lane:
    """A skeleton at work in one stream: what is written for its events, and the bytes of the last one around its text,
    since most often they stay the same."""

    def __cinit__(self):
        self.kinds = &JSON[0]
        self.credit = CREDIT

    def __dealloc__(self):
        PyMem_Free(self.pieces)

    cdef int take(self, object frame) except -1:
        """Write by this frame from here on; None: not at all."""
        cdef int count = 0
        cdef bytes literal
        cdef Piece* room
        self.open = frame is not None
        if not self.open:
            return 0
        if frame is self.frame:
            self.sync()
            return 0
        pieces, html, self.kept, self.counter = frame
        self.frame = frame
        self.html = html
        self.kinds = &GO[0] if self.html else &JSON[0]
        self.literals = 0
        self.texts_in = 0
        room = <Piece*>PyMem_Realloc(self.pieces, (len(pieces) + 1) * sizeof(Piece))
        if room == NULL:
            raise MemoryError
        self.pieces = room
        for piece in pieces:
            if isinstance(piece, bytes):
                literal = piece
                if count == 0 or self.pieces[count - 1].slot >= 0:
                    count += 1
                else:
                    self.open = False  # two in a row
                    return 0
                self.pieces[count - 1].literal = PyBytes_AS_STRING(literal)
                self.pieces[count - 1].size = PyBytes_GET_SIZE(literal)
                self.pieces[count - 1].slot = -1
                self.literals += PyBytes_GET_SIZE(literal)
            elif count == 0 or self.pieces[count - 1].slot >= 0:
                self.open = False  # a slot in front of all bytes, or two in a row
                return 0
            else:
                self.pieces[count - 1].slot = piece
                self.texts_in += piece == TEXT
        self.count = count
        self.sync()
        return 0

    cdef int sync(self) except -1:
        """Count on from where the counter stands."""
        if self.counter is not None:
            self.number = self.counter.number
        return 0

    cdef const char* match(self, const char* p, const char* end, Found* found) noexcept:
        """As `Skeleton.match`, for a whole event, by the bytes of the last one first."""
        cdef Py_ssize_t size
        cdef const char* stop
        cdef const char* start = p
        cdef bint odd = False
        if self.head is not None:
            size = PyBytes_GET_SIZE(self.head)
            if end - p > size and memcmp(p, PyBytes_AS_STRING(self.head), size) == 0:
                p += size
                found.text = p
                p = <const char*>string_end(<const unsigned char*>p, self.kinds, &odd)
                if p == NULL or p == found.text:
                    return NULL
                found.size = p - found.text
                found.odd = odd
                if self.head_change >= 0:
                    found.change = start + self.head_change
                size = PyBytes_GET_SIZE(self.tail)
                if end - p >= size and memcmp(p, PyBytes_AS_STRING(self.tail), size) == 0:
                    if self.skeleton.changed > self.skeleton.first:
                        found.change = p + (-1 - self.head_change)
                    return p + size
                return self.skeleton.match(self.skeleton.first + 1, p, end, self.kinds, found)
        stop = self.skeleton.match(0, p, end, self.kinds, found)
        if stop != NULL and self.skeleton.simple and self.credit:
            self.credit -= 1
            self.head = PyBytes_FromStringAndSize(start, found.text - start)
            p = found.text + found.size
            self.tail = PyBytes_FromStringAndSize(p, stop - p)
            # Behind the text it counts from there, as minus one and less.
            self.head_change = -1
            if self.skeleton.changed >= 0:
                if self.skeleton.changed <= self.skeleton.first:
                    self.head_change = found.change - start
                else:
                    self.head_change = -1 - (found.change - p)
        return stop

    cdef int emit(self, Output* out, Found* found, const char* stamp, Py_ssize_t stamp_size) except -1:
        """Write what the frame says."""
        cdef Piece* piece
        cdef char* to
        cdef char figures[24]
        cdef int i, width
        cdef long long number
        reserve(out, self.literals + self.texts_in * found.size * (6 if found.odd else 1) + self.count * STAMPED)
        to = out.data + out.size
        for i in range(self.count):
            piece = &self.pieces[i]
            memcpy(to, piece.literal, piece.size)
            to += piece.size
            if piece.slot < 0:
                continue
            if piece.slot == slot_text:
                if found.odd:
                    to += respell(
                        to, <const unsigned char*>found.text, <const unsigned char*>found.text + found.size, self.html
                    )
                else:
                    memcpy(to, found.text, found.size)
                    to += found.size
            elif piece.slot == slot_stamp:
                memcpy(to, stamp, stamp_size)
                to += stamp_size
            else:
                width = 1
                number = self.number
                while number > 9:
                    number //= 10
                    width += 1
                digits(to, width, self.number)
                to += width
        self.number += 1
        self.wrote = True
        out.size = to - out.data
        return 0
