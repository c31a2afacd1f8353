"""The compiled converter that stands in front of a general one and does by copying what that one would do by parsing.

Strategy: the events of a stream are alike but for the text they carry. An event that the general converter turned
into nothing but its text becomes the template: its constant bytes, with holes where the text stands and where members
stand that nobody reads (`ignored`). Whatever fits the template is spliced, everything else is the general
converter's, one whole event at a time, and may become the next template.

What is spliced for an event:
- in front of a `Translator`, the renderer's `TextFrame` with the text in it, as it was spelled;
- in front of a relay (`mirror`), the event itself, with the one change that the relay made in its constant bytes.

Rules: the general converter is at the beginning of an event whenever it is given something; it gets everything, for
good, from the first fault, end or odd line ending on, and an event above the limit in pieces, so that no more than
that is kept here. Text that the renderer might spell differently (other escapes, `<`, `>`, `&`, U+2028, U+2029, what
is not UTF-8, nothing at all) is never spliced. Where templates do not last, learning pauses for longer and longer.
"""

import re
from functools import lru_cache

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from libc.string cimport memchr, memcmp, memcpy

from ollamux.streaming._scan cimport PLAIN, event_end, fill, odd_lines, stamp_text, text_end

__all__ = ("TemplateConverter",)

cdef enum:
    SEGMENTS = 12  # a template's constant pieces, at most
    SMALL = 4096  # output that needs no allocation of its own
    PATIENCE = 8  # templates in a row that never fitted, before learning pauses
    STAMP = 48  # longer than any time stamp

cdef enum Hole:
    NOTHING, TEXT, STRING, NUMBER

cdef struct Segment:
    const char* literal
    Py_ssize_t size
    Hole hole

cdef struct Output:
    char* data
    Py_ssize_t size
    Py_ssize_t room
    char small[SMALL]

cdef unsigned char STRICT[256]  # in front of a renderer, which may escape what its format wants escaped
cdef unsigned char LOOSE[256]  # in front of a relay

fill(STRICT, b"<>&")
fill(LOOSE, b"")


cdef int write(Output* out, const char* data, Py_ssize_t size) except -1:
    cdef Py_ssize_t room
    cdef char* grown
    if out.size + size > out.room:
        room = 2 * (out.size + size)
        grown = <char*>PyMem_Realloc(NULL if out.data == out.small else out.data, room)
        if grown == NULL:
            raise MemoryError
        if out.data == out.small:
            memcpy(grown, out.small, out.size)
        out.data = grown
        out.room = room
    memcpy(out.data + out.size, data, size)
    out.size += size
    return 0


@lru_cache(maxsize=64)
def _marker_pattern(markers):
    """One pattern for all markers, with the spaces that some servers write after `:`, `,` and `{`."""
    return re.compile(b"|".join(re.sub(rb"([:,]|\\{)", rb"\1[ ]*", re.escape(marker)) for marker in markers))


@lru_cache(maxsize=64)
def _member_pattern(names):
    """The value of a member whose name is one of these: a string without escapes, or digits."""
    return re.compile(rb'"(?:' + b"|".join(map(re.escape, names)) + rb')": *(?:"([ !#-\[\]-\x7f]*)"|([0-9]+)(?=[ ,}]))')


cdef class TemplateConverter:
    """Converts as `general` does, and faster. `markers` are the ends of what stands before the text in an event, as far
    as the opening quote; `ignored` the names of members that may differ from event to event. A stream that begins with
    an object is lines of JSON, any other events that end with a blank line."""

    cdef object _general, _general_feed, _text_frame, _clock, _markers, _ignored, _frame
    cdef bytes _tail, _before, _between, _after, _changed
    cdef tuple _literals
    cdef Segment _segments[SEGMENTS]
    cdef int _count, _changed_at, _misses, _pause
    cdef bint _mirror, _blank_line, _begun, _lined, _crlf, _bypass, _inside, _stamped, _open, _text_odd
    cdef char _last
    cdef Py_ssize_t _limit
    cdef const unsigned char* _kinds

    def __cinit__(
        self,
        general,
        clock,
        markers,
        ignored=(),
        *,
        bint mirror=False,
        Py_ssize_t limit=65536,
    ):
        self._general = general
        self._general_feed = general.feed
        self._clock = clock
        self._markers = _marker_pattern(tuple(markers))
        self._ignored = _member_pattern(tuple(ignored)) if ignored else None
        self._mirror = mirror
        self._blank_line = True
        self._limit = limit
        self._kinds = &LOOSE[0] if mirror else &STRICT[0]
        self._tail = b""
        self._changed_at = -1
        self._open = mirror
        if not mirror:
            self._text_frame = general.renderer.text_frame
            self._take_frame()

    @property
    def fault(self):
        return self._general.fault

    @property
    def usage(self):
        return self._general.usage

    @property
    def complete(self):
        return self._general.complete

    def feed(self, bytes data not None, double now):
        """The client's bytes for these bytes of the backend's."""
        cdef const char* p
        cdef const char* end
        cdef const char* kept
        cdef const char* stop
        cdef const char* text
        cdef const char* change
        cdef Py_ssize_t text_size, stamp_size = 0
        cdef char stamp[STAMP]
        cdef Output out
        cdef bytes event, made
        if self._bypass:
            return self._general_feed(data, now)
        if not self._begun and not self._begin(data):
            return self._general_feed(data, now)
        if PyBytes_GET_SIZE(self._tail):
            data = self._tail + data
            self._tail = b""
        p = PyBytes_AS_STRING(data)
        end = p + PyBytes_GET_SIZE(data)
        kept = p  # from here to p, the event's own bytes are the output
        out.data = out.small
        out.size = 0
        out.room = SMALL
        try:
            while p < end:
                if self._count and self._open and not self._inside:
                    stop = self._match(p, end, &text, &text_size, &change)
                    if stop != NULL:
                        self._misses = 0
                        if not self._mirror:
                            write(&out, PyBytes_AS_STRING(self._before), PyBytes_GET_SIZE(self._before))
                            if self._stamped:
                                if not stamp_size:
                                    stamp_size = self._write_stamp(now, stamp)
                                write(&out, stamp, stamp_size)
                            write(&out, PyBytes_AS_STRING(self._between), PyBytes_GET_SIZE(self._between))
                            write(&out, text, text_size)
                            write(&out, PyBytes_AS_STRING(self._after), PyBytes_GET_SIZE(self._after))
                            kept = stop
                        elif self._changed_at >= 0:
                            write(&out, kept, change - kept)
                            write(&out, PyBytes_AS_STRING(self._changed), PyBytes_GET_SIZE(self._changed))
                            kept = change + self._segments[self._changed_at].size
                        p = stop
                        continue
                write(&out, kept, p - kept)
                if self._inside:
                    stop = self._rest_of_event(p, end)
                else:
                    if not self._lined:
                        self._look_at_line(p, end)
                    stop = event_end(p, end, self._blank_line, self._crlf)
                if odd_lines(p, stop if stop != NULL else end, self._crlf or not self._lined):
                    self._bypass = True
                    stop = end
                elif stop == NULL:
                    if not self._inside and end - p <= self._limit:
                        self._tail = PyBytes_FromStringAndSize(p, end - p)
                        kept = p = end
                        break
                    self._inside = self._lined = True
                    self._last = (end - 1)[0]
                    # An event in pieces whose lines end in two bytes could be cut between them.
                    self._bypass = self._crlf
                    made = self._general_feed(PyBytes_FromStringAndSize(p, end - p), now)
                    write(&out, PyBytes_AS_STRING(made), PyBytes_GET_SIZE(made))
                    kept = p = end
                    break
                event = PyBytes_FromStringAndSize(p, stop - p)
                made = self._general_feed(event, now)
                write(&out, PyBytes_AS_STRING(made), PyBytes_GET_SIZE(made))
                kept = p = stop
                if self._bypass:
                    break
                if self._general.fault is not None or self._general.complete:
                    self._bypass = True
                    if p < end:
                        made = self._general_feed(PyBytes_FromStringAndSize(p, end - p), now)
                        write(&out, PyBytes_AS_STRING(made), PyBytes_GET_SIZE(made))
                        kept = p = end
                    break
                if not self._mirror:
                    self._take_frame()
                if self._inside:
                    self._inside = False
                elif self._pause:
                    self._pause -= 1
                elif self._open and not self._text_odd and PyBytes_GET_SIZE(made):
                    self._learn(event, made, now)
            if kept != end:
                if not out.size and kept == PyBytes_AS_STRING(data):
                    return data
                write(&out, kept, end - kept)
            return PyBytes_FromStringAndSize(out.data, out.size)
        finally:
            if out.data != out.small:
                PyMem_Free(out.data)

    def close(self, double now):
        """The backend's bytes have ended."""
        cdef bytes tail = self._tail
        self._tail = b""
        self._bypass = True
        if tail:
            return self._general_feed(tail, now) + self._general.close(now)
        return self._general.close(now)

    cdef bint _begin(self, bytes data) noexcept:
        """Tell from its first byte how the stream is cut; false where that has not come yet."""
        cdef const char* p = PyBytes_AS_STRING(data)
        while p[0] == 32 or 9 <= p[0] <= 13:
            p += 1
        if p == PyBytes_AS_STRING(data) + PyBytes_GET_SIZE(data):
            return False
        self._begun = True
        self._blank_line = p[0] != 123
        return True

    cdef void _look_at_line(self, const char* p, const char* end) noexcept:
        """Tell from the first line, once it is there, how lines end."""
        cdef const char* newline = <const char*>memchr(p, 10, end - p)
        if newline != NULL:
            self._lined = True
            self._crlf = newline > p and (newline - 1)[0] == 13

    cdef const char* _match(
        self, const char* p, const char* end, const char** text, Py_ssize_t* text_size, const char** change
    ) noexcept:
        """Where the event at p ends, if it fits the template, else NULL."""
        cdef Segment* segment
        cdef const char* begin
        cdef int position
        self._text_odd = False
        for position in range(self._count):
            segment = &self._segments[position]
            if end - p < segment.size or memcmp(p, segment.literal, segment.size) != 0:
                return NULL
            if position == self._changed_at:
                change[0] = p
            p += segment.size
            if segment.hole == TEXT:
                begin = p
                p = <const char*>text_end(<const unsigned char*>p, self._kinds)
                if p == NULL or p == begin:
                    self._text_odd = True
                    return NULL
                text[0] = begin
                text_size[0] = p - begin
            elif segment.hole == STRING:
                while STRICT[<unsigned char>p[0]] == PLAIN:
                    p += 1
            elif segment.hole == NUMBER:
                begin = p
                while 48 <= p[0] <= 57:
                    p += 1
                if p == begin or begin[0] == 48 or p - begin > 15:
                    return NULL
        return p

    cdef const char* _rest_of_event(self, const char* p, const char* end) noexcept:
        """As `event_end`, for an event whose beginning is gone: its last byte is still known."""
        if self._blank_line and self._last == 10 and p[0] == 10:
            return p + 1
        return event_end(p, end, self._blank_line, False)

    cdef Py_ssize_t _write_stamp(self, double now, char* stamp) except -1:
        """`Clock.stamp`."""
        cdef double unix = <double>self._clock.base + now
        cdef bytes text
        if 0 <= unix < 2e11:
            return stamp_text(unix, stamp)
        text = self._clock.stamp(now).encode()
        memcpy(stamp, PyBytes_AS_STRING(text), min(PyBytes_GET_SIZE(text), STAMP))
        return min(PyBytes_GET_SIZE(text), STAMP)

    cdef int _take_frame(self) except -1:
        frame = self._text_frame()
        if frame is not self._frame:
            self._frame = frame
            self._open = frame is not None
            if self._open:
                self._before, self._between, self._after, self._stamped = frame
        return 0

    cdef int _learn(self, bytes event, bytes made, double now) except -1:
        """Make this event the template, if what was made of it is what a template would have made."""
        cdef const unsigned char* quote
        cdef const char* begin = PyBytes_AS_STRING(event)
        cdef Py_ssize_t text_start, text_stop
        cdef int position
        cdef bytes stamp
        marker = self._markers.search(event)
        if marker is None or event[:3] == b"\xef\xbb\xbf" or (self._mirror and not self._general.steady):
            return 0
        text_start = marker.end()
        quote = text_end(<const unsigned char*>begin + text_start, self._kinds)
        if quote == NULL:
            return 0
        text_stop = <const char*>quote - begin
        if text_stop == text_start:
            return 0
        if not self._mirror:
            stamp = self._clock.stamp(now).encode() if self._stamped else b""
            if made != self._before + stamp + self._between + event[text_start:text_stop] + self._after:
                return 0
        holes = [(text_start, text_stop, TEXT)]
        if self._ignored is not None:
            for found in self._ignored.finditer(event):
                group = 1 if found.start(1) >= 0 else 2
                if not text_start <= found.start() < text_stop and len(holes) < SEGMENTS - 1:
                    holes.append((found.start(group), found.end(group), STRING if group == 1 else NUMBER))
        holes.sort()
        literals = []
        edges = []
        at = 0
        for start, stop, _ in holes:
            literals.append(event[at:start])
            edges.append(at)
            at = stop
        literals.append(event[at:])
        edges.append(at)
        self._changed_at = -1
        if self._mirror and made != event:
            shorter = min(len(event), len(made))
            same = 0
            while same < shorter and event[same] == made[same]:
                same += 1
            alike = 0
            while alike < shorter - same and event[len(event) - 1 - alike] == made[len(made) - 1 - alike]:
                alike += 1
            for position, literal in enumerate(literals):
                if edges[position] <= same and len(event) - alike <= edges[position] + len(literal):
                    self._changed_at = position
                    self._changed = made[edges[position] : edges[position] + len(literal) + len(made) - len(event)]
                    break
            else:
                self._count = 0
                return 0
        self._literals = tuple(literals)
        self._count = <int>len(literals)
        for position in range(self._count):
            literal = literals[position]
            self._segments[position].literal = PyBytes_AS_STRING(literal)
            self._segments[position].size = len(literal)
            self._segments[position].hole = holes[position][2] if position < len(holes) else NOTHING
        self._misses += 1
        if self._misses > PATIENCE:
            self._pause = 1 << min(self._misses - PATIENCE, 10)
        return 0
