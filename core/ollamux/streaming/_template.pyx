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

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.list cimport PyList_GET_SIZE
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.string cimport memchr, memcmp, memcpy

from ollamux.clock cimport Clock
from ollamux.streaming._buffer cimport Output, begin, release, reserve, taken, write
from ollamux.streaming._lane cimport STAMPED, Lane, said_by, stamp_at
from ollamux.streaming._scan cimport event_end, odd_lines
from ollamux.streaming._skeleton cimport Found, Plan, Skeleton, skeleton_of
from ollamux.streaming._text cimport unescape

from ollamux.conversation import ToolCallDelta
from ollamux.streaming._skeleton import plan_of

__all__ = ("TemplateConverter",)

cdef enum:
    LANES = 4  # kinds of events of one stream that are known at a time
    KNOWN = 32  # skeletons of earlier streams
    PATIENCE = 8  # skeletons in a row that never fitted, before learning pauses

cdef object call_type = ToolCallDelta


cdef class TemplateConverter:
    """Converts as `general` does, and faster. `markers` are the names of the members in which text stands, `ignored`
    the names of outermost members that may differ from event to event, `counted` those of numbers that tell of usage.
    A stream that begins with an object is lines of JSON, any other events that end with a blank line."""

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
    def finish(self):
        return self._general.finish

    @property
    def complete(self):
        return self._general.complete

    def feed(self, bytes data not None, double now):
        """The client's bytes for these bytes of the backend's."""
        cdef bytes made = self.copied(data, now)
        return made if made is not None else self._feed(data, now)

    cpdef bytes copied(self, bytes data, double now):
        """As `feed`, where the read is one event that fits the lane in use and keeps its spelling, as the one before it
        was; else None, and nothing was done."""
        cdef Lane lane = self._lane
        cdef Found found
        cdef char stamp[STAMPED]
        cdef Py_ssize_t stamp_size = 0, before, size = PyBytes_GET_SIZE(data)
        cdef const char* p = PyBytes_AS_STRING(data)
        cdef char* to
        cdef bytes made
        if not self._alone or lane.epoch != self._epoch or lane.match(p, p + size, &found) != p + size:
            return None
        if self._plan.mirror:
            self._misses = 0
            if lane.skeleton.changed < 0:
                return data
            before = found.change - p
            stamp_size = PyBytes_GET_SIZE(lane.skeleton.new)
            size -= PyBytes_GET_SIZE(lane.skeleton.old)
            made = PyBytes_FromStringAndSize(NULL, size + stamp_size)
            to = PyBytes_AS_STRING(made)
            memcpy(to, p, before)
            memcpy(to + before, PyBytes_AS_STRING(lane.skeleton.new), stamp_size)
            memcpy(to + before + stamp_size, found.change + PyBytes_GET_SIZE(lane.skeleton.old), size - before)
            return made
        if found.odd:
            return None
        self._misses = 0
        if lane.stamps:
            stamp_size = stamp_at(self._clock, now, stamp)
        made = lane.made(&found, stamp, stamp_size)
        if lane.kept is not None or lane.texts is not None:
            text = said_by(found.text, found.size)
            if lane.kept is not None:
                lane.kept.append(text)
            if lane.texts is not None:
                lane.texts.append(text)
        if lane.skeleton.telling:
            self._telling = data
            self._told_at = now
        return made

    cdef bytes _feed(self, bytes data, double now):
        """As `feed`, whatever the read is."""
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
        cdef int events = 0
        self._alone = False
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
                events += 1
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
                            if lane.stamps and not stamp_size:
                                stamp_size = stamp_at(self._clock, now, stamp)
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
                if mirror and lane is not None and not self._general.steady:
                    self._lanes.clear()  # what this event changed may change what becomes of others
                    self._lane = lane = None
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
            if events == 1 and lane is not None:
                self._alone = not self._bypass and not self._inside and not PyBytes_GET_SIZE(self._tail)
            if kept != end:
                if not out.size and kept == PyBytes_AS_STRING(data):
                    return data
                write(&out, kept, end - kept)
            return taken(&out)
        finally:
            release(&out)
            release(&said)

    def close(self, double now):
        """The backend's bytes have ended."""
        cdef bytes tail = self._tail
        self._tail = b""
        self._bypass = True
        self._alone = False
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
            one = skeleton_of(self._plan, event, kind, text)
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
                lane.emit(&out, &found, stamp, stamp_at(self._clock, now, stamp))
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
        if frame is None:
            self._lanes.clear()  # a relay may know which call it saw last
        elif PyList_GET_SIZE(self._lanes) == LANES:
            del self._lanes[0]
        self._lanes.append(lane)
        self._lane = lane
        return True
