"""Reads a chat of the plain sort in one pass (a model, messages of a text each, options, and whether to stream), puts
another model's name into an answer that passes, and writes the figures at the end of one.

Strategy: the body is walked over once and nothing is built but what is handed on: the name, the options, and the
messages as they came. Whatever is more than plain (any other field, a role that not every format has, an escape that has another
spelling, a key in capitals or one that comes twice) is no business of this module: None says so, and `gojson` reads the
body instead.

Rules: what is read here, `gojson` would read the same way; a test compares the two.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE, PyBytes_FromStringAndSize
from cpython.unicode cimport PyUnicode_AsUTF8AndSize, PyUnicode_DecodeUTF8
from libc.string cimport memchr, memcmp, memcpy, memset

from ollamux.streaming._json cimport ANY, COUNT, FLAG, NOTHING, TEXT, Row, Span, counted, spaces, walk
from ollamux.streaming._scan cimport digits, fill, stamp_text
from ollamux.usage cimport Usage

from ollamux.clock import Clock

cdef object AT_THE_EPOCH = Clock()
cdef unsigned char KINDS[256]
fill(KINDS)

cdef enum:
    LONGEST_OPTIONS = 512  # what is longer is not remembered

cdef enum:
    MODEL, MESSAGES, STREAM, OPTIONS, ROWS

cdef enum:
    ROLE, CONTENT, PARTS

cdef Row BODY[ROWS]
BODY[MODEL] = Row(b"model", 5, TEXT, 0)
BODY[MESSAGES] = Row(b"messages", 8, ANY, 0)
BODY[STREAM] = Row(b"stream", 6, FLAG, 0)
BODY[OPTIONS] = Row(b"options", 7, ANY, 0)

cdef int BODY_FIRST[2]
BODY_FIRST[0] = 0
BODY_FIRST[1] = ROWS

cdef enum:
    NAMED, ERROR, DONE, SAID, READ, WRITTEN, TOLD

cdef Row CHAT[TOLD]
CHAT[NAMED] = Row(b"model", 5, TEXT, 0)
CHAT[ERROR] = Row(b"error", 5, NOTHING, 0)
CHAT[DONE] = Row(b"done", 4, ANY, 0)
CHAT[SAID] = Row(b"message", 7, ANY, 0)
CHAT[READ] = Row(b"prompt_eval_count", 17, COUNT, 0)
CHAT[WRITTEN] = Row(b"eval_count", 10, COUNT, 0)

cdef Row COMPLETION[TOLD]
COMPLETION[NAMED] = CHAT[NAMED]
COMPLETION[ERROR] = CHAT[ERROR]
COMPLETION[DONE] = CHAT[DONE]
COMPLETION[SAID] = Row(b"response", 8, ANY, 0)
COMPLETION[READ] = CHAT[READ]
COMPLETION[WRITTEN] = CHAT[WRITTEN]

cdef int TOLD_FIRST[2]
TOLD_FIRST[0] = 0
TOLD_FIRST[1] = TOLD

cdef Row MESSAGE[PARTS]
MESSAGE[ROLE] = Row(b"role", 4, TEXT, 0)
MESSAGE[CONTENT] = Row(b"content", 7, TEXT, 0)

cdef int MESSAGE_FIRST[2]
MESSAGE_FIRST[0] = 0
MESSAGE_FIRST[1] = PARTS


cdef bint _common(Span role) noexcept nogil:
    """Whether every format has this role."""
    cdef Py_ssize_t size = role.end - role.start
    if size == 4:
        return memcmp(role.start, b"user", 4) == 0
    if size == 6:
        return memcmp(role.start, b"system", 6) == 0
    return size == 9 and memcmp(role.start, b"assistant", 9) == 0


cdef bint _plain(Span messages) noexcept nogil:
    """Whether these are messages, one at least, of a text each. That they are JSON is known."""
    cdef Span spans[PARTS]
    cdef const unsigned char* p = messages.start
    if p[0] != 91:
        return False
    while p[0] != 93:
        memset(spans, 0, sizeof(spans))
        p = walk(spaces(p + 1), 0, MESSAGE, MESSAGE_FIRST, spans, KINDS, True)
        if p == NULL or spans[ROLE].start == NULL or not _common(spans[ROLE]):
            return False
        if spans[CONTENT].start == NULL or spans[CONTENT].start == spans[CONTENT].end:
            return False
        p = spaces(p)
    return True


def read_plain(bytes body):
    """(model, messages as JSON, stream, options as JSON or None) of a plain chat, else None."""
    cdef object options = None
    cdef Span spans[ROWS]
    cdef const unsigned char* start = <const unsigned char*>PyBytes_AS_STRING(body)
    cdef const unsigned char* p
    cdef Py_ssize_t size
    memset(spans, 0, sizeof(spans))
    p = walk(spaces(start), 0, BODY, BODY_FIRST, spans, KINDS, True)
    if p == NULL or spaces(p) - start != PyBytes_GET_SIZE(body):
        return None
    if spans[MODEL].start == NULL or spans[MESSAGES].start == NULL or not _plain(spans[MESSAGES]):
        return None
    size = spans[MODEL].end - spans[MODEL].start
    if size == 0 or memchr(spans[MODEL].start, 92, size) != NULL:
        return None
    if spans[OPTIONS].start != NULL:
        size = spans[OPTIONS].end - spans[OPTIONS].start
        if spans[OPTIONS].start[0] != 123 or size > LONGEST_OPTIONS:
            return None
        options = PyBytes_FromStringAndSize(<const char*>spans[OPTIONS].start, size)
        size = spans[MODEL].end - spans[MODEL].start
    return (
        PyUnicode_DecodeUTF8(<const char*>spans[MODEL].start, size, NULL),
        PyBytes_FromStringAndSize(<const char*>spans[MESSAGES].start, spans[MESSAGES].end - spans[MESSAGES].start),
        spans[STREAM].start == NULL or spans[STREAM].start[0] == 116,
        options,
    )


cdef object _some(long long number):
    return None if number < 0 else number


def passed(bytes body, str name, bint chat):
    """(the answer to a chat, else to a completion, under this name for its model, its tokens) or None where it is none
    that may pass as it is. None for the name keeps the one that is there."""
    cdef Span spans[TOLD]
    cdef const unsigned char* start = <const unsigned char*>PyBytes_AS_STRING(body)
    cdef const unsigned char* p
    cdef const char* utf8
    cdef long long read, written
    cdef Py_ssize_t size, before, rest
    cdef bytes made
    cdef char* out
    memset(spans, 0, sizeof(spans))
    p = walk(spaces(start), 0, &CHAT[0] if chat else &COMPLETION[0], TOLD_FIRST, spans, KINDS, False)
    if p == NULL or spaces(p) - start != PyBytes_GET_SIZE(body) or (spans[DONE].end == NULL and spans[SAID].end == NULL):
        return None
    read = counted(spans[READ])
    written = counted(spans[WRITTEN])
    if read == -2 or written == -2:
        return None
    if name is not None and spans[NAMED].end != NULL:
        if spans[NAMED].start == NULL:
            return None
        utf8 = PyUnicode_AsUTF8AndSize(name, &size)
        p = spans[NAMED].start
        if spans[NAMED].end - p != size or memcmp(p, utf8, size) != 0:
            if not _spelled_alike(<const unsigned char*>utf8, size):
                return None
            before = p - start
            rest = PyBytes_GET_SIZE(body) - (spans[NAMED].end - start)
            made = PyBytes_FromStringAndSize(NULL, before + size + rest)
            out = PyBytes_AS_STRING(made)
            memcpy(out, start, before)
            memcpy(out + before, utf8, size)
            memcpy(out + before + size, spans[NAMED].end, rest)
            body = made
    return body, Usage(_some(read), None, None, _some(written))


cdef bint _spelled_alike(const unsigned char* p, Py_ssize_t size) noexcept:
    """Whether this text is its own inside as a JSON string."""
    cdef Py_ssize_t at
    for at in range(size):
        if p[at] < 32 or p[at] > 126 or p[at] == 34 or p[at] == 92 or p[at] == 60 or p[at] == 62 or p[at] == 38:
            return False
    return True


cdef char* _write(char* out, const char* key, Py_ssize_t size, long long number) noexcept nogil:
    """`key` and a number behind it; nothing where that is not above zero."""
    cdef int count = 1
    cdef long long rest = number
    if number <= 0:
        return out
    while rest >= 10:
        rest //= 10
        count += 1
    memcpy(out, key, size)
    digits(out + size, count, number)
    return out + size + count


cdef class Figures:
    """How long an answer took, in nanoseconds, and what it cost, in tokens; what is not above zero is not told."""

    cpdef bytes members(self):
        """As members of an answer."""
        cdef char text[300]
        return PyBytes_FromStringAndSize(text, self.write(text) - text)

    cdef char* write(self, char* p) noexcept:
        p = _write(p, b',"total_duration":', 18, self.total)
        p = _write(p, b',"load_duration":', 17, self.load)
        p = _write(p, b',"prompt_eval_count":', 21, self.read)
        p = _write(p, b',"prompt_eval_duration":', 24, self.prompt)
        p = _write(p, b',"eval_count":', 14, self.written)
        return _write(p, b',"eval_duration":', 17, self.output)

    cpdef bytes ending(self, bytes before, double unix, bytes between, bytes said, bytes behind):
        """An answer that is done: `before`, the time stamp, `between`, `said`, `behind`, and these figures."""
        cdef char figures[300]
        cdef char moment[48]
        cdef Py_ssize_t first = PyBytes_GET_SIZE(before), third = PyBytes_GET_SIZE(between)
        cdef Py_ssize_t fourth = PyBytes_GET_SIZE(said), fifth = PyBytes_GET_SIZE(behind)
        cdef Py_ssize_t second, sixth
        cdef char* p
        cdef bytes made
        if not 0 <= unix < 2e11:
            return before + stamp(unix) + between + said + behind + self.members() + b"}"
        second = stamp_text(unix, moment)
        sixth = self.write(figures) - figures
        made = PyBytes_FromStringAndSize(NULL, first + second + third + fourth + fifth + sixth + 1)
        p = PyBytes_AS_STRING(made)
        memcpy(p, PyBytes_AS_STRING(before), first)
        p += first
        memcpy(p, moment, second)
        p += second
        memcpy(p, PyBytes_AS_STRING(between), third)
        p += third
        memcpy(p, PyBytes_AS_STRING(said), fourth)
        p += fourth
        memcpy(p, PyBytes_AS_STRING(behind), fifth)
        p += fifth
        memcpy(p, figures, sixth)
        p[sixth] = 125
        return made


def stamp(double unix):
    """A moment in seconds since the epoch, as `Clock.stamp` writes it."""
    cdef char text[48]
    if not 0 <= unix < 2e11:
        return AT_THE_EPOCH.stamp(unix).encode()
    return PyBytes_FromStringAndSize(text, stamp_text(unix, text))
