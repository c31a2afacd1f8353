"""Reads a whole answer of the plain sort in one pass: one choice, text alone, and what it cost.

Strategy: the answer is walked over once; what is of interest is cut out of it, the rest is only seen to be JSON.
Whatever is more than plain (a tool call, thinking, a refusal, log probabilities, an error, an escape that has another
spelling, a key that comes twice) is no business of this module: None says so, and `reading` reads the answer instead.

Rules: what is read here, `reading` would read the same way; a test compares the two.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.string cimport memchr, memcmp, memset

from ollamux.answer cimport Answer
from ollamux.streaming._buffer cimport Output, begin, release, reserve
from ollamux.streaming._json cimport COUNT, NO_ITEMS, NO_TEXT, NOTHING, NUMBER, OBJECT, SINGLE, TEXT, Row, Span, counted, spaces, walk
from ollamux.streaming._scan cimport fill
from ollamux.streaming._shape cimport Shapes, shapes_of
from ollamux.streaming._text cimport fill_kinds, respell, string_end
from ollamux.usage cimport Usage

import msgspec

from ollamux.conversation import Text, Timings

cdef unsigned char KINDS[256]
fill(KINDS)
cdef unsigned char JSON[256]
fill_kinds(JSON, False)
cdef unsigned char GO[256]
fill_kinds(GO, True)

cdef object make_text = Text, make_timings = Timings
cdef object decode_text = msgspec.json.Decoder(str).decode
cdef dict FINISHES = {"stop": "stop", "eos": "stop", "eos_token": "stop", "length": "length", "max_length": "length"}

cdef enum:
    ANSWER, CHOICE, MESSAGE, USAGE, READ, WRITTEN, TIMES, LEVELS

cdef enum:
    ID, CREATED, MODEL, CHOICES, SPENT, TIMINGS, ERROR, INDEX, MESSAGES, LOGPROBS, FINISH, DELTA, SAID, ROLE, CONTENT
    REFUSAL, REASONING, REASONING_TOO, DETAILS, CALLS, PROMPT, OUTPUT, PROMPT_DETAILS, OUTPUT_DETAILS, CACHED, STORED
    THOUGHT, CACHE_N, PROMPT_N, PROMPT_MS, PREDICTED_N, PREDICTED_MS, ROWS

cdef Row TABLE[ROWS]
TABLE[ID] = Row(b"id", 2, TEXT, 0)
TABLE[MODEL] = Row(b"model", 5, TEXT, 0)
TABLE[CREATED] = Row(b"created", 7, COUNT, 0)
TABLE[ERROR] = Row(b"error", 5, NOTHING, 0)
TABLE[CHOICES] = Row(b"choices", 7, SINGLE, CHOICE)
TABLE[SPENT] = Row(b"usage", 5, OBJECT, USAGE)
TABLE[TIMINGS] = Row(b"timings", 7, OBJECT, TIMES)
TABLE[MESSAGES] = Row(b"message", 7, OBJECT, MESSAGE)
TABLE[INDEX] = Row(b"index", 5, COUNT, 0)
TABLE[FINISH] = Row(b"finish_reason", 13, TEXT, 0)
TABLE[LOGPROBS] = Row(b"logprobs", 8, NOTHING, 0)
TABLE[DELTA] = Row(b"delta", 5, NOTHING, 0)
TABLE[SAID] = Row(b"text", 4, NO_TEXT, 0)
TABLE[CONTENT] = Row(b"content", 7, TEXT, 0)
TABLE[ROLE] = Row(b"role", 4, TEXT, 0)
TABLE[REFUSAL] = Row(b"refusal", 7, NO_TEXT, 0)
TABLE[REASONING] = Row(b"reasoning", 9, NO_TEXT, 0)
TABLE[REASONING_TOO] = Row(b"reasoning_content", 17, NO_TEXT, 0)
TABLE[DETAILS] = Row(b"reasoning_details", 17, NO_ITEMS, 0)
TABLE[CALLS] = Row(b"tool_calls", 10, NO_ITEMS, 0)
TABLE[PROMPT] = Row(b"prompt_tokens", 13, COUNT, 0)
TABLE[OUTPUT] = Row(b"completion_tokens", 17, COUNT, 0)
TABLE[PROMPT_DETAILS] = Row(b"prompt_tokens_details", 21, OBJECT, READ)
TABLE[OUTPUT_DETAILS] = Row(b"completion_tokens_details", 25, OBJECT, WRITTEN)
TABLE[CACHED] = Row(b"cached_tokens", 13, COUNT, 0)
TABLE[STORED] = Row(b"cache_write_tokens", 18, COUNT, 0)
TABLE[THOUGHT] = Row(b"reasoning_tokens", 16, COUNT, 0)
TABLE[CACHE_N] = Row(b"cache_n", 7, COUNT, 0)
TABLE[PROMPT_N] = Row(b"prompt_n", 8, COUNT, 0)
TABLE[PROMPT_MS] = Row(b"prompt_ms", 9, NUMBER, 0)
TABLE[PREDICTED_N] = Row(b"predicted_n", 11, COUNT, 0)
TABLE[PREDICTED_MS] = Row(b"predicted_ms", 12, NUMBER, 0)

cdef int FIRST[LEVELS + 1]
FIRST[ANSWER] = ID
FIRST[CHOICE] = INDEX
FIRST[MESSAGE] = ROLE
FIRST[USAGE] = PROMPT
FIRST[READ] = CACHED
FIRST[WRITTEN] = THOUGHT
FIRST[TIMES] = CACHE_N
FIRST[LEVELS] = ROWS

cdef enum:
    COUNTS = 10

cdef int COUNTED[COUNTS]
COUNTED[:] = [CREATED, INDEX, PROMPT, OUTPUT, CACHED, STORED, THOUGHT, CACHE_N, PROMPT_N, PREDICTED_N]

cdef Shapes ANSWERS = shapes_of(TABLE, FIRST, ROWS, False)

cdef enum:
    FARTHEST = 2048  # bytes before the end of an answer in which its cost is looked for


cdef str _text(Span span):
    """The text in a span, which has no escape but plain ones."""
    cdef const char* start = <const char*>span.start
    cdef Py_ssize_t size = span.end - span.start
    if start == NULL:
        return ""
    if memchr(start, 92, size) != NULL:
        return decode_text((start - 1)[:size + 2])
    return PyUnicode_DecodeUTF8(start, size, NULL)


cdef object _some(long long number):
    return None if number < 0 else number


cdef object _nanoseconds(Span span):
    """Milliseconds as nanoseconds; None where they are not told, or no time that anything takes."""
    cdef double millis
    if span.start == NULL:
        return None
    millis = float((<const char*>span.start)[:span.end - span.start])
    return int(millis * 1_000_000) if 0 <= millis < 1e12 else None


cdef Usage spent_on(long long read, long long cached, long long stored, long long written, long long thought):
    """What an answer cost, of sums that hold their parts, each below zero where it is not told; None without the first."""
    if read < 0:
        return None
    if written >= 0 and thought > 0:
        written = max(0, written - thought)
    read = max(0, read - max(0, cached) - max(0, stored))
    return _told(read, cached, stored, written, thought)


cdef Usage _told(long long read, long long cached, long long stored, long long written, long long thought):
    cdef Usage made = Usage.__new__(Usage)
    made.input_uncached = read
    made.cache_read = _some(cached)
    made.cache_write = _some(stored)
    made.output_text = _some(written)
    made.reasoning = _some(thought)
    return made


cdef Usage _usage(Span* spans, long long* numbers):
    """What an answer cost, where it says so."""
    if spans[SPENT].start != NULL and numbers[PROMPT] >= 0:
        return spent_on(numbers[PROMPT], numbers[CACHED], numbers[STORED], numbers[OUTPUT], numbers[THOUGHT])
    if spans[TIMINGS].start != NULL and numbers[PROMPT_N] >= 0:
        return _told(numbers[PROMPT_N], numbers[CACHE_N], -1, numbers[PREDICTED_N], -1)
    return None


cpdef Usage usage_of(bytes body):
    """What a whole answer cost, read from its end alone; None where that cannot be seen there."""
    cdef Span spans[ROWS]
    cdef long long numbers[ROWS]
    cdef const unsigned char* start = <const unsigned char*>PyBytes_AS_STRING(body)
    cdef const unsigned char* p = start + PyBytes_GET_SIZE(body) - 8
    cdef const unsigned char* first = p - FARTHEST if p - start > FARTHEST else start
    cdef int i, row
    while p > first and (p[0] != 34 or memcmp(p, b'"usage"', 7) != 0 or (p - 1)[0] == 92):
        p -= 1
    if p <= first:
        return None
    p = spaces(p + 7)
    if p[0] != 58:
        return None
    memset(spans, 0, sizeof(spans))
    spans[SPENT].start = p
    p = walk(spaces(p + 1), USAGE, TABLE, FIRST, spans, KINDS, False)
    if p == NULL:
        return None
    for i in range(2, COUNTS):
        row = COUNTED[i]
        numbers[row] = counted(spans[row])
        if numbers[row] == -2:
            return None
    return _usage(spans, numbers)


cdef class PlainAnswer(Answer):
    """An answer of nothing but text. It keeps the body in which its texts lie, and decodes them when it has to."""

    cdef bytes _body
    cdef Span _said, _ident, _named
    cdef long long _made

    cdef _open(self):
        cdef str text = _text(self._said)
        self._id = _text(self._ident)
        self._model = _text(self._named)
        self._created = max(0, self._made)
        self._parts = [make_text(text)] if text else []

    cpdef bytes told(self, bint html):
        cdef Py_ssize_t size = self._said.end - self._said.start
        cdef bint odd = False
        cdef Output out
        if self._said.start == NULL:
            return b'""'
        if memchr(self._said.start, 92, size) != NULL or html and (
            memchr(self._said.start, 60, size) != NULL  # <
            or memchr(self._said.start, 62, size) != NULL  # >
            or memchr(self._said.start, 38, size) != NULL  # &
        ):
            string_end(self._said.start, &GO[0] if html else &JSON[0], &odd)
        if not odd:
            return PyBytes_FromStringAndSize(<const char*>self._said.start - 1, size + 2)
        begin(&out)
        try:
            reserve(&out, 6 * size + 2)
            out.data[0] = 34
            size = respell(out.data + 1, self._said.start, self._said.end, html)
            out.data[size + 1] = 34
            return PyBytes_FromStringAndSize(out.data, size + 2)
        finally:
            release(&out)


cpdef Answer read_plain(bytes body):
    """The answer, or None where it is not plain."""
    cdef Span spans[ROWS]
    cdef long long numbers[ROWS]
    cdef PlainAnswer answer
    cdef str native = "stop", finish = "stop"
    cdef int i, row
    if not ANSWERS.read(body, spans) or spans[MESSAGES].start == NULL:
        return None
    for i in range(COUNTS):
        row = COUNTED[i]
        numbers[row] = counted(spans[row])
        if numbers[row] == -2:
            return None
    if spans[FINISH].end - spans[FINISH].start != 4 or memcmp(spans[FINISH].start, b"stop", 4) != 0:
        native = _text(spans[FINISH])
        finish = FINISHES.get(native or "stop")
        if finish is None:
            return None
    answer = PlainAnswer.__new__(PlainAnswer)
    answer._body = body
    answer._said = spans[CONTENT]
    answer._ident = spans[ID]
    answer._named = spans[MODEL]
    answer.finish = finish
    answer.native = native
    answer.usage = _usage(spans, numbers)
    answer._made = numbers[CREATED]
    if spans[TIMINGS].start != NULL:
        answer.timings = make_timings(_nanoseconds(spans[PROMPT_MS]), _nanoseconds(spans[PREDICTED_MS]))
    return answer
