"""Reads a chat of the plain sort in one pass (a model, messages of a text each, options, and whether to stream), puts
another model's name into an answer that passes, and writes the figures at the end of one.

Strategy: the body is walked over once and nothing is built but what is handed on: the name, the options, and the
messages as they came. Whatever is more than plain (any other field, a role that not every format has, an escape that has another
spelling, a key in capitals or one that comes twice) is no business of this module: None says so, and `gojson` reads the
body instead.

Rules: what is read here, `gojson` would read the same way; a test compares the two.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE, PyBytes_FromStringAndSize
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.string cimport memchr, memcmp, memcpy

from ollamux.formats.asking cimport Incoming
from ollamux.formats.ollama.ask cimport Ask
from ollamux.streaming._json cimport ANY, COUNT, FLAG, NOTHING, TEXT, TURNS, Row, Span, counted
from ollamux.streaming._scan cimport digits, stamp_text
from ollamux.streaming._shape cimport Shapes, name_of, piece_of, shapes_of
from ollamux.usage cimport Usage

from ollamux.clock import Clock

cdef object AT_THE_EPOCH = Clock()
cdef enum:
    LONGEST_OPTIONS = 512  # what is longer is not remembered

cdef enum:
    MODEL, MESSAGES, STREAM, OPTIONS, ROWS

cdef Row BODY[ROWS]
BODY[MODEL] = Row(b"model", 5, TEXT, 0)
BODY[MESSAGES] = Row(b"messages", 8, TURNS, 0)
BODY[STREAM] = Row(b"stream", 6, FLAG, 0)
BODY[OPTIONS] = Row(b"options", 7, ANY, 0)

cdef int BODY_FIRST[2]
BODY_FIRST[0] = 0
BODY_FIRST[1] = ROWS

cdef Shapes REQUESTS = shapes_of(BODY, BODY_FIRST, ROWS, True)

cdef enum:
    NAMED, SAID, DONE, READ, WRITTEN, ERROR, TOLD

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

cdef Shapes CHATS = shapes_of(CHAT, TOLD_FIRST, TOLD, False)
cdef Shapes COMPLETIONS = shapes_of(COMPLETION, TOLD_FIRST, TOLD, False)


cpdef bint read_plain(Ask ask) except -1:
    """Reads the plain chat in a body; False where it is none."""
    cdef bytes body = ask.body
    cdef Span spans[ROWS]
    cdef Py_ssize_t size
    if not REQUESTS.read(body, spans) or spans[MODEL].start == NULL or spans[MESSAGES].start == NULL:
        return False
    size = spans[MODEL].end - spans[MODEL].start
    if size == 0 or memchr(spans[MODEL].start, 92, size) != NULL:
        return False
    ask.wishes = None
    if spans[OPTIONS].start != NULL:
        size = spans[OPTIONS].end - spans[OPTIONS].start
        if spans[OPTIONS].start[0] != 123 or size > LONGEST_OPTIONS:
            return False
        ask.wishes = piece_of(spans[OPTIONS].start, size)
    ask.model = name_of(spans[MODEL].start, spans[MODEL].end - spans[MODEL].start)
    size = spans[MESSAGES].end - spans[MESSAGES].start
    ask.said = PyBytes_FromStringAndSize(<const char*>spans[MESSAGES].start, size)
    ask.stream = spans[STREAM].start == NULL or spans[STREAM].start[0] == 116
    return True


cdef object _some(long long number):
    return None if number < 0 else number


cpdef bytes passed(Incoming incoming, str upstream, bytes body, bint chat):
    """The answer to a chat, else to a completion, under the name by which its model was asked for, `upstream` being the
    backend's; None where it is none that may pass as it is. What it cost is kept with the request."""
    cdef Span spans[TOLD]
    cdef const unsigned char* p
    cdef const char* start
    cdef const char* utf8
    cdef long long read, written
    cdef Usage spent
    cdef Py_ssize_t size, before, rest
    cdef bytes made
    cdef char* out
    if not (CHATS if chat else COMPLETIONS).read(body, spans) or (spans[DONE].end == NULL and spans[SAID].end == NULL):
        return None
    read = counted(spans[READ])
    written = counted(spans[WRITTEN])
    if read == -2 or written == -2:
        return None
    if spans[NAMED].end != NULL and upstream != incoming.model:
        if spans[NAMED].start == NULL:
            return None
        utf8 = PyUnicode_AsUTF8AndSize(incoming.model, &size)
        p = spans[NAMED].start
        if spans[NAMED].end - p != size or memcmp(p, utf8, size) != 0:
            if not _spelled_alike(<const unsigned char*>utf8, size):
                return None
            start = PyBytes_AS_STRING(body)
            before = <const char*>p - start
            rest = PyBytes_GET_SIZE(body) - (<const char*>spans[NAMED].end - start)
            made = PyBytes_FromStringAndSize(NULL, before + size + rest)
            out = PyBytes_AS_STRING(made)
            memcpy(out, start, before)
            memcpy(out + before, utf8, size)
            memcpy(out + before + size, spans[NAMED].end, rest)
            body = made
    spent = Usage.__new__(Usage)
    spent.input_uncached = _some(read)
    spent.output_text = _some(written)
    incoming.spent = spent
    return body


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


cdef char* _figures(
    char* p, long long total, long long load, long long read, long long prompt, long long written, long long output
) noexcept nogil:
    p = _write(p, b',"total_duration":', 18, total)
    p = _write(p, b',"load_duration":', 17, load)
    p = _write(p, b',"prompt_eval_count":', 21, read)
    p = _write(p, b',"prompt_eval_duration":', 24, prompt)
    p = _write(p, b',"eval_count":', 14, written)
    return _write(p, b',"eval_duration":', 17, output)


cpdef bytes figures(long long total, long long load, long long read, long long prompt, long long written, long long output):
    """How long an answer took, in nanoseconds, and what it cost, in tokens, as members of it; what is not above zero is
    not told."""
    cdef char text[300]
    return PyBytes_FromStringAndSize(text, _figures(text, total, load, read, prompt, written, output) - text)


cpdef bytes ending(
    bytes before, double unix, bytes between, bytes said, bytes behind,
    long long total, long long load, long long read, long long prompt, long long written, long long output,
):
    """An answer that is done: `before`, the time stamp, `between`, `said`, `behind`, and the figures."""
    cdef char told[300]
    cdef char moment[48]
    cdef Py_ssize_t first = PyBytes_GET_SIZE(before), third = PyBytes_GET_SIZE(between)
    cdef Py_ssize_t fourth = PyBytes_GET_SIZE(said), fifth = PyBytes_GET_SIZE(behind)
    cdef Py_ssize_t second, sixth = _figures(told, total, load, read, prompt, written, output) - told
    cdef char* p
    cdef bytes made
    if not 0 <= unix < 2e11:
        return before + stamp(unix) + between + said + behind + told[:sixth] + b"}"
    second = stamp_text(unix, moment)
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
    memcpy(p, told, sixth)
    p[sixth] = 125
    return made


cpdef bytes stamp(double unix):
    """A moment in seconds since the epoch, as `Clock.stamp` writes it."""
    cdef char text[48]
    if not 0 <= unix < 2e11:
        return AT_THE_EPOCH.stamp(unix).encode()
    return PyBytes_FromStringAndSize(text, stamp_text(unix, text))
