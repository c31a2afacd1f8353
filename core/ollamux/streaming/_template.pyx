"""The compiled converter that stands in front of a general one and does by copying what that one would do by parsing.

Strategy: the events of a stream are alike but for the text they carry. An event of which the general converter made
nothing but its text becomes a skeleton: its constant bytes, with holes where the text stands, where members stand that
nobody reads (`ignored`), and where the cost so far is counted. Whatever fits is spliced, everything else is the general
converter's, one whole event at a time. A skeleton outlives its stream: the first event of a later one that fits it and
is converted as it says is enough to go on with it.

What is spliced for an event:
- in front of a `Translator`, the renderer's `Frame` with the text in it, spelled as the renderer spells it;
- in front of a relay (`mirror`), the event itself, with the one change that the relay made in its constant bytes.

Rules: the general converter is at the beginning of an event whenever it is given something; it gets everything, for
good, from the first fault, end or odd line ending on, and an event above the limit in pieces, so that no more than
that is kept here. What reader and renderer keep of the text (their `texts`, the number of events) is brought up to date
at the end of every feed, the cost before anybody asks for it. Text that is empty or no valid JSON is never spliced.
Where skeletons do not last, learning pauses for longer and longer.
"""

from functools import lru_cache

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.list cimport PyList_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.string cimport memchr, memcmp, memcpy

from ollamux.clock cimport Clock
from ollamux.streaming._json cimport number_end, spaces
from ollamux.streaming._scan cimport PLAIN, digits, event_end, odd_lines, stamp_text
from ollamux.streaming._text cimport fill_kinds, respell, string_end, unescape

from ollamux.conversation import ToolCallDelta
from ollamux.streaming.translator import NUMBER, STAMP, TEXT

__all__ = ("TemplateConverter",)

cdef enum:
    SEGMENTS = 24  # a skeleton's constant pieces, at most
    PIECES = 12  # a frame's
    LANES = 4  # kinds of events of one stream that are known at a time
    KNOWN = 32  # skeletons of earlier streams
    SMALL = 4096  # output that needs no allocation of its own
    PATIENCE = 8  # skeletons in a row that never fitted, before learning pauses
    CREDIT = 4  # events in a row that differ in more than their text, before they are no longer compared as a whole
    STAMPED = 48  # longer than any time stamp

cdef enum Hole:
    NOTHING, WORDS, SAME, SIGN, COUNT

cdef struct Segment:
    # Constant bytes, and the hole behind them.
    const char* literal
    Py_ssize_t size
    Hole hole

cdef struct Piece:
    # Bytes of a frame, and what is put behind them: a slot of `Frame`, or -1.
    const char* literal
    Py_ssize_t size
    int slot

cdef struct Output:
    char* data
    Py_ssize_t size
    Py_ssize_t room
    char small[SMALL]

cdef struct Found:
    # Where the text of an event stands, whether it has to be spelled anew, and where the bytes begin that change.
    const char* text
    Py_ssize_t size
    const char* change
    bint odd

cdef unsigned char JSON[256]
cdef unsigned char GO[256]

fill_kinds(JSON, False)
fill_kinds(GO, True)

cdef int slot_text = TEXT, slot_stamp = STAMP, slot_number = NUMBER
cdef object call_type = ToolCallDelta


cdef int reserve(Output* out, Py_ssize_t size) except -1:
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
    return 0


cdef inline int write(Output* out, const char* data, Py_ssize_t size) except -1:
    if size:
        reserve(out, size)
        memcpy(out.data + out.size, data, size)
        out.size += size
    return 0


cdef inline void begin(Output* out) noexcept:
    out.data = out.small
    out.size = 0
    out.room = SMALL


cdef inline void release(Output* out) noexcept:
    if out.data != out.small:
        PyMem_Free(out.data)


cdef bint among(tuple names, const char* name, Py_ssize_t size) noexcept:
    cdef bytes one
    for one in names:
        if PyBytes_GET_SIZE(one) == size and memcmp(PyBytes_AS_STRING(one), name, size) == 0:
            return True
    return False


cdef class Plan:
    """What is looked for, and the skeletons that were found with it, the newest first."""

    cdef tuple markers, ignored, counted
    cdef bint mirror
    cdef list known

    def __cinit__(self, tuple markers, tuple ignored, tuple counted, bint mirror):
        self.markers = markers
        self.ignored = ignored
        self.counted = counted
        self.mirror = mirror
        self.known = []


plan_of = lru_cache(maxsize=64)(Plan)


cdef class Skeleton:
    """An event with holes. `kind` is the type of the delta that it stands for, None in front of a relay."""

    cdef bytes event, old, new
    cdef object kind
    cdef Segment segments[SEGMENTS]
    cdef int count, changed
    cdef int first  # the segment in front of the text
    cdef bint simple  # there is one text, and no copy of it
    cdef bint telling

    cdef const char* match(self, int at, const char* p, const char* end, const unsigned char* kinds, Found* found) noexcept:
        """Where the event ends whose segments from `at` on begin at p, if it fits, else NULL."""
        cdef Segment* segment
        cdef const char* start
        cdef bint odd = False
        while at < self.count:
            segment = &self.segments[at]
            if end - p < segment.size or memcmp(p, segment.literal, segment.size) != 0:
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
                if end - p < found.size or memcmp(p, found.text, found.size) != 0:
                    return NULL
                p += found.size
            elif segment.hole == SIGN:
                while JSON[<unsigned char>p[0]] == PLAIN:
                    p += 1
            elif segment.hole == COUNT:
                while 48 <= p[0] <= 57:
                    p += 1
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


cdef class Lane:
    """A skeleton at work in one stream: what is written for its events, and the bytes of the last one around its text,
    since most often they stay the same."""

    cdef Skeleton skeleton
    cdef object delta, frame, counter
    cdef list texts, kept
    cdef bytes head, tail
    cdef Piece pieces[PIECES]
    cdef int count, credit, epoch
    cdef Py_ssize_t literals, texts_in, head_change
    cdef long long number
    cdef const unsigned char* kinds
    cdef bint open, html, wrote

    cdef int take(self, object frame) except -1:
        """Write by this frame from here on; None: not at all."""
        cdef int count = 0
        cdef bytes literal
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
        for piece in pieces:
            if isinstance(piece, bytes):
                literal = piece
                if count == 0 or self.pieces[count - 1].slot >= 0:
                    if count == PIECES:
                        self.open = False
                        return 0
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


cdef class TemplateConverter:
    """Converts as `general` does, and faster. `markers` are the names of the members in which text stands, `ignored`
    the names of outermost members that may differ from event to event, `counted` those of numbers that tell of usage.
    A stream that begins with an object is lines of JSON, any other events that end with a blank line."""

    cdef object _general, _general_feed
    cdef Clock _clock
    cdef Plan _plan
    cdef Lane _lane
    cdef list _lanes
    cdef bytes _tail, _telling
    cdef double _told_at
    cdef int _misses, _pause, _epoch
    cdef bint _blank_line, _begun, _lined, _crlf, _bypass, _inside
    cdef char _last
    cdef Py_ssize_t _limit

    def __cinit__(self, general, Clock clock, tuple markers, tuple ignored=(), tuple counted=(), *, Py_ssize_t limit=65536):
        self._general = general
        self._general_feed = general.feed
        self._clock = clock
        self._plan = plan_of(markers, ignored, counted, clock is None)
        self._lanes = []
        self._blank_line = True
        self._limit = limit
        self._tail = b""

    @property
    def fault(self):
        return self._general.fault

    @property
    def usage(self):
        self._tell()
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
        cdef const char* last
        cdef const char* last_stop = NULL
        cdef Py_ssize_t stamp_size = 0
        cdef char stamp[STAMPED]
        cdef Output out
        cdef Output said
        cdef Found found
        cdef Lane lane
        cdef bytes event, made
        cdef bint mirror = self._plan.mirror
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
        last = NULL  # the last event that told of usage, and nobody took it
        begin(&out)
        begin(&said)
        lane = self._lane
        try:
            while p < end:
                if lane is not None and not self._inside:
                    stop = lane.match(p, end, &found)
                    if stop == NULL:
                        if PyList_GET_SIZE(self._lanes) > 1:
                            stop = self._other(p, end, &found, &said)
                            lane = self._lane
                    elif lane.epoch != self._epoch and not self._renew(lane):
                        stop = NULL
                    if stop != NULL:
                        self._misses = 0
                        if not mirror:
                            if self._clock is not None and not stamp_size:
                                stamp_size = self._write_stamp(now, stamp)
                            lane.emit(&out, &found, stamp, stamp_size)
                            if lane.kept is not None or lane.texts is not None:
                                reserve(&said, found.size)
                                said.size += unescape(
                                    said.data + said.size,
                                    <const unsigned char*>found.text,
                                    <const unsigned char*>found.text + found.size,
                                )
                            if lane.skeleton.telling:
                                last = p
                                last_stop = stop
                            kept = stop
                        elif lane.skeleton.changed >= 0:
                            write(&out, kept, found.change - kept)
                            write(&out, PyBytes_AS_STRING(lane.skeleton.new), PyBytes_GET_SIZE(lane.skeleton.new))
                            kept = found.change + PyBytes_GET_SIZE(lane.skeleton.old)
                        p = stop
                        continue
                write(&out, kept, p - kept)
                kept = p
                if self._inside:
                    stop = self._rest_of_event(p, end)
                else:
                    if not self._lined:
                        self._look_at_line(p, end)
                    stop = event_end(p, end, self._blank_line, self._crlf)
                if odd_lines(p, stop if stop != NULL else end, self._crlf or not self._lined):
                    self._bypass = True
                    stop = end
                elif stop == NULL and not self._inside and end - p <= self._limit:
                    self._tail = PyBytes_FromStringAndSize(p, end - p)
                    kept = p = end
                    break
                self._settle(&said)
                if last != NULL:
                    self._telling = PyBytes_FromStringAndSize(last, last_stop - last)
                    self._told_at = now
                    last = NULL
                self._tell()
                if stop == NULL:
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
                self._epoch += 1
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
                if self._inside:
                    self._inside = False
                elif self._pause:
                    self._pause -= 1
                elif PyBytes_GET_SIZE(made) or not mirror:
                    self._learn(event, made, now)
                    lane = self._lane
            self._settle(&said)
            if last != NULL:
                self._telling = PyBytes_FromStringAndSize(last, last_stop - last)
                self._told_at = now
            if kept != end:
                if not out.size and kept == PyBytes_AS_STRING(data):
                    return data
                write(&out, kept, end - kept)
            return PyBytes_FromStringAndSize(out.data, out.size)
        finally:
            release(&out)
            release(&said)

    def close(self, double now):
        """The backend's bytes have ended."""
        cdef bytes tail = self._tail
        self._tail = b""
        self._bypass = True
        self._tell()
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

    cdef const char* _rest_of_event(self, const char* p, const char* end) noexcept:
        """As `event_end`, for an event whose beginning is gone: its last byte is still known."""
        if self._blank_line and self._last == 10 and p[0] == 10:
            return p + 1
        return event_end(p, end, self._blank_line, False)

    cdef Py_ssize_t _write_stamp(self, double now, char* stamp) except -1:
        """`Clock.stamp`."""
        cdef double unix = self._clock.base + now
        cdef bytes text
        if 0 <= unix < 2e11:
            return stamp_text(unix, stamp)
        text = self._clock.stamp(now).encode()
        memcpy(stamp, PyBytes_AS_STRING(text), min(PyBytes_GET_SIZE(text), STAMPED))
        return min(PyBytes_GET_SIZE(text), STAMPED)

    cdef bint _renew(self, Lane lane) except -1:
        """Something else was converted since this lane was last used: whether it may go on."""
        lane.epoch = self._epoch
        if not self._plan.mirror:
            lane.take(self._general.renderer.frame(lane.delta))
            lane.texts = self._general.reader.texts(lane.delta)
        return lane.open

    cdef const char* _other(self, const char* p, const char* end, Found* found, Output* said) except? NULL:
        """As `Lane.match`, with the lanes that are not in use; the one that fits comes into use."""
        cdef Lane lane
        cdef const char* stop
        for lane in self._lanes:
            if lane is not self._lane:
                stop = lane.match(p, end, found)
                if stop != NULL:
                    self._settle(said)
                    if lane.epoch != self._epoch and not self._renew(lane):
                        return NULL
                    lane.sync()
                    self._lane = lane
                    return stop
        return NULL

    cdef int _settle(self, Output* said) except -1:
        """Tell reader and renderer what was written for them in the lane that is in use."""
        cdef Lane lane = self._lane
        if lane is None or not lane.wrote:
            return 0
        lane.wrote = False
        if lane.counter is not None:
            lane.counter.number = lane.number
        if said.size:
            text = PyUnicode_DecodeUTF8(said.data, said.size, NULL)
            said.size = 0
            if lane.kept is not None:
                lane.kept.append(text)
            if lane.texts is not None:
                lane.texts.append(text)
        return 0

    cdef int _tell(self) except -1:
        """Have the cost taken from the last event that told it."""
        cdef bytes event = self._telling
        if event is not None:
            self._telling = None
            self._general.tell(event, self._told_at)
        return 0

    cdef int _learn(self, bytes event, bytes made, double now) except -1:
        """Go on with this event's skeleton, if what was made of it is what would have been spliced."""
        cdef Skeleton one
        cdef list known = self._plan.known
        cdef int place = 0
        delta = frame = kind = None
        cdef bytes text = None
        if self._plan.mirror:
            if not self._general.steady:
                return 0
        else:
            delta = self._general.delta
            if delta is None:
                return 0
            frame = self._general.renderer.frame(delta)
            if frame is None:
                return 0
            kind = type(delta)
            try:
                text = (delta.arguments if kind is call_type else delta.text).encode()
            except UnicodeEncodeError:
                return 0
        for one in known:
            if one.kind is kind and self._goes_on(one, delta, frame, text, event, made, now):
                if place:
                    del known[place]
                    known.insert(0, one)
                break
            place += 1
        else:
            one = self._skeleton(event, kind, text)
            if one is None or (kind is None and made != event and not one.change(made)):
                return 0
            if not self._goes_on(one, delta, frame, text, event, made, now):
                return 0
            known.insert(0, one)
            del known[KNOWN:]
        self._misses += 1
        if self._misses > PATIENCE:
            self._pause = 1 << min(self._misses - PATIENCE, 10)
        return 0

    cdef bint _goes_on(self, Skeleton one, delta, frame, bytes text, bytes event, bytes made, double now) except -1:
        """Whether this event fits the skeleton, and what is spliced by it is what was made; then it comes into use."""
        cdef Lane lane = Lane()
        cdef Lane other
        cdef Found found
        cdef Output out
        cdef Output said
        cdef char stamp[STAMPED]
        cdef const char* p = PyBytes_AS_STRING(event)
        cdef const char* end = p + PyBytes_GET_SIZE(event)
        cdef Py_ssize_t size
        cdef bint same
        cdef int place
        lane.skeleton = one
        lane.delta = delta
        lane.kinds = &JSON[0]
        lane.credit = CREDIT
        lane.epoch = self._epoch
        if frame is not None:
            lane.take(frame)
        lane.open = lane.open or frame is None
        if not lane.open or lane.match(p, end, &found) != end:
            return False
        begin(&out)
        begin(&said)
        try:
            if frame is None:
                same = one.changed < 0 and PyBytes_GET_SIZE(made) == end - p
                if one.changed >= 0:
                    write(&out, p, found.change - p)
                    write(&out, PyBytes_AS_STRING(one.new), PyBytes_GET_SIZE(one.new))
                    p = found.change + PyBytes_GET_SIZE(one.old)
                    same = PyBytes_GET_SIZE(made) == out.size + end - p
                write(&out, p, end - p)
            else:
                reserve(&said, found.size)
                said.size = unescape(
                    said.data, <const unsigned char*>found.text, <const unsigned char*>found.text + found.size
                )
                same = said.size == PyBytes_GET_SIZE(text)
                same = same and memcmp(said.data, PyBytes_AS_STRING(text), said.size) == 0
                lane.number -= 1
                lane.emit(&out, &found, stamp, self._write_stamp(now, stamp))
                lane.wrote = False
                same = same and PyBytes_GET_SIZE(made) >= out.size
            if not same or memcmp(PyBytes_AS_STRING(made) + PyBytes_GET_SIZE(made) - out.size, out.data, out.size) != 0:
                return False
        finally:
            release(&out)
            release(&said)
        if frame is not None:
            lane.texts = self._general.reader.texts(delta)
        for place in range(<int>len(self._lanes)):
            other = self._lanes[place]
            if other.skeleton is one:
                del self._lanes[place]
                break
        if PyList_GET_SIZE(self._lanes) == LANES:
            del self._lanes[0]
        self._lanes.append(lane)
        self._lane = lane
        return True

    cdef Skeleton _skeleton(self, bytes event, kind, bytes text):
        """This event with holes, None where it has no text that it could be known by."""
        cdef Skeleton one = Skeleton()
        cdef Plan plan = self._plan
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
                    elif self._says(start, p, text):
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
        one.simple = size == 1
        return one

    cdef bint _says(self, const unsigned char* start, const unsigned char* end, bytes text) except -1:
        """Whether this inside of a string says this text."""
        cdef Output said
        begin(&said)
        try:
            reserve(&said, end - start)
            said.size = unescape(said.data, start, end)
            return said.size == PyBytes_GET_SIZE(text) and memcmp(said.data, PyBytes_AS_STRING(text), said.size) == 0
        finally:
            release(&said)
