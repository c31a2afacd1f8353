"""A skeleton at work in one stream: which events fit, and what is written for them; the time and the texts in that.

Strategy: what stands around the text in the last event is compared as a whole first, since most often it stays the
same; only where it does not are the holes of the skeleton tried, and where it never does that is given up.

Rules: a frame that this module cannot write by (a slot in front of all bytes, two slots in a row) closes the lane.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.string cimport memchr, memcmp, memcpy

from ollamux.clock cimport Clock
from ollamux.streaming._buffer cimport Output, begin, release, reserve
from ollamux.streaming._scan cimport ascii_end, digits, same, stamp_text
from ollamux.streaming._skeleton cimport Found, Segment, Skeleton
from ollamux.streaming._text cimport fill_kinds, respell, string_end, unescape

from ollamux.streaming.translator import STAMP, TEXT

__all__ = ()

cdef enum:
    CREDIT = 4  # events in a row that differ in more than their text, before they are no longer compared as a whole

cdef unsigned char JSON[256]
cdef unsigned char GO[256]

fill_kinds(JSON, False)
fill_kinds(GO, True)

cdef int slot_text = TEXT, slot_stamp = STAMP

cdef char DATE[20]  # the date and the time of this second, and the dot behind
cdef long long SECOND = -1
cdef char PAIRS[200]  # 00 to 99

cdef int pair
for pair in range(100):
    digits(PAIRS + 2 * pair, 2, pair)


cdef Py_ssize_t stamp_at(Clock clock, double now, char* stamp) except -1:
    """`Clock.stamp`; its length."""
    global SECOND
    cdef double unix = clock.base + now
    cdef long long second
    cdef unsigned int micros
    cdef Py_ssize_t size = 19
    cdef bytes text
    if 0 <= unix < 2e11:
        second = <long long>unix
        if second != SECOND:
            size = stamp_text(unix, stamp)
            memcpy(DATE, stamp, 19)
            DATE[19] = 46
            SECOND = second
            return size
        memcpy(stamp, DATE, 20)
        micros = <unsigned int>((unix - <double>second) * 1e6)
        if micros:
            memcpy(stamp + 20, PAIRS + 2 * (micros // 10000), 2)
            memcpy(stamp + 22, PAIRS + 2 * (micros // 100 % 100), 2)
            memcpy(stamp + 24, PAIRS + 2 * (micros % 100), 2)
            size = 26
            while stamp[size - 1] == 48:
                size -= 1
        stamp[size] = 90
        return size + 1
    text = clock.stamp(now).encode()
    memcpy(stamp, PyBytes_AS_STRING(text), min(PyBytes_GET_SIZE(text), STAMPED))
    return min(PyBytes_GET_SIZE(text), STAMPED)


cdef extern from "Python.h":
    str PyUnicode_New(Py_ssize_t size, unsigned int largest)
    void* PyUnicode_1BYTE_DATA(str text)


cdef str said_by(const char* text, Py_ssize_t size):
    """What the inside of a string says."""
    cdef Output said
    cdef str made
    if <const char*>ascii_end(<const unsigned char*>text) == text + size:  # it is followed by its quote
        made = PyUnicode_New(size, 127)
        memcpy(PyUnicode_1BYTE_DATA(made), text, size)
        return made
    if memchr(text, 92, size) == NULL:
        return PyUnicode_DecodeUTF8(text, size, NULL)
    begin(&said)
    try:
        reserve(&said, size)
        size = unescape(said.data, <const unsigned char*>text, <const unsigned char*>text + size)
        return PyUnicode_DecodeUTF8(said.data, size, NULL)
    finally:
        release(&said)


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
        pieces, html, self.kept, self.counter = frame.pieces, frame.html, frame.texts, frame.counter
        self.frame = frame
        self.html = html
        self.kinds = &GO[0] if self.html else &JSON[0]
        self.literals = 0
        self.texts_in = 0
        self.slots = 0
        self.stamps = 0
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
                self.slots += 1
                self.texts_in += self.pieces[count - 1].slot == slot_text
                self.stamps += self.pieces[count - 1].slot == slot_stamp
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
        cdef const char* stop
        cdef const char* start = p
        cdef const char* behind
        cdef Segment* copy
        cdef bint odd = False
        if self.head_text == NULL:
            if not self.credit:
                return self.skeleton.match(0, p, end, self.kinds, found)
        else:
            if end - p > self.head_size and same(p, self.head_text, self.head_size):
                p += self.head_size
                found.text = p
                p = <const char*>string_end(<const unsigned char*>p, self.kinds, &odd)
                if p == NULL or p == found.text:
                    return NULL
                found.size = p - found.text
                found.odd = odd
                if self.head_change >= 0:
                    found.change = start + self.head_change
                behind = p
                if self.skeleton.copied:
                    copy = &self.skeleton.segments[self.skeleton.first + 1]
                    if end - p < copy.size + found.size or not same(p, copy.literal, copy.size):
                        return NULL
                    p += copy.size
                    if not same(p, found.text, found.size):
                        return NULL
                    p += found.size
                if end - p >= self.tail_size and same(p, self.tail_text, self.tail_size):
                    if self.skeleton.changed > self.skeleton.first:
                        found.change = p + (-1 - self.head_change)
                    return p + self.tail_size
                return self.skeleton.match(self.skeleton.first + 1, behind, end, self.kinds, found)
        stop = self.skeleton.match(0, p, end, self.kinds, found)
        if stop != NULL and self.skeleton.simple and self.credit:
            self.credit -= 1
            self.head = PyBytes_FromStringAndSize(start, found.text - start)
            p = found.text + found.size
            if self.skeleton.copied:
                p += self.skeleton.segments[self.skeleton.first + 1].size + found.size
            self.tail = PyBytes_FromStringAndSize(p, stop - p)
            self.head_text, self.head_size = PyBytes_AS_STRING(self.head), PyBytes_GET_SIZE(self.head)
            self.tail_text, self.tail_size = PyBytes_AS_STRING(self.tail), PyBytes_GET_SIZE(self.tail)
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
        cdef int i
        self.spell()
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
                memcpy(to, self.figures, self.width)
                to += self.width
        self.number += 1
        self.wrote = True
        out.size = to - out.data
        return 0

    cdef void spell(self) noexcept:
        """Have the number of this event as text, most often from that of the one before."""
        cdef int at = self.width - 1
        cdef long long rest = self.number
        if self.spelled + 1 == rest:
            while at >= 0 and self.figures[at] == 57:
                self.figures[at] = 48
                at -= 1
            if at >= 0:
                self.figures[at] += 1
                self.spelled = rest
        if self.spelled != rest or not self.width:
            self.spelled = rest
            self.width = 1
            while rest > 9:
                rest //= 10
                self.width += 1
            digits(self.figures, self.width, self.number)

    cdef bytes made(self, Found* found, const char* stamp, Py_ssize_t stamp_size):
        """What `emit` writes, as it is, for a text that keeps its spelling; the event is counted."""
        cdef Piece* piece
        cdef Piece* end = self.pieces + self.count
        cdef char* to
        cdef Py_ssize_t size = self.literals + self.texts_in * found.size + self.stamps * stamp_size
        cdef bytes text
        if self.counter is not None:
            self.spell()
            self.number += 1
            self.counter.number = self.number
            size += (self.slots - self.texts_in - self.stamps) * self.width
        text = PyBytes_FromStringAndSize(NULL, size)
        to = PyBytes_AS_STRING(text)
        piece = self.pieces
        while piece < end:
            memcpy(to, piece.literal, piece.size)
            to += piece.size
            if piece.slot == slot_text:
                memcpy(to, found.text, found.size)
                to += found.size
            elif piece.slot == slot_stamp:
                memcpy(to, stamp, stamp_size)
                to += stamp_size
            elif piece.slot >= 0:
                memcpy(to, self.figures, self.width)
                to += self.width
            piece += 1
        return text
