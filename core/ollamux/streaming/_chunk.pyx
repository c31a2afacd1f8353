"""Reads a chunk of OpenAI's chat stream in one pass where it is of the plain sort: a role, text, thinking, a finish
reason, what it cost.

Strategy: the chunk is walked over once; what is of interest is cut out of it, the rest is only seen to be JSON.

Rules: None says that there is more to it (a tool call, another choice, an error, log probabilities, an escape that has
another spelling, a key that comes twice), and that somebody else must read it. What is told, a typed decode would tell
the same way; tests compare the two.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.string cimport memchr, memcmp, memset

from ollamux.streaming._json cimport COUNT, NO_ITEMS, NO_TEXT, NOTHING, NUMBER, OBJECT, SINGLE, TEXT, Row, Span, counted, spaces, walk
from ollamux.streaming._scan cimport fill
from ollamux.streaming._text cimport unescape

from ollamux.conversation import Timings, Usage

__all__ = ("PlainChunk", "read_chunk", "speaks")

cdef unsigned char KINDS[256]
fill(KINDS)

cdef object make_usage = Usage, make_timings = Timings

cdef enum:
    CHUNK, CHOICE, DELTAS, USAGE, READ, WRITTEN, TIMES, LEVELS

cdef enum:
    ID, MODEL, CREATED, KIND, ERROR, CHOICES, SPENT, TIMINGS, INDEX, DELTA, MESSAGE, FINISH, LOGPROBS, SAID, ROLE, CONTENT
    REASONING, REASONING_TOO, DETAILS, REFUSAL, CALLS, PROMPT, OUTPUT, PROMPT_DETAILS, OUTPUT_DETAILS, CACHED, STORED
    THOUGHT, CACHE_N, PROMPT_N, PROMPT_MS, PREDICTED_N, PREDICTED_MS, ROWS

cdef Row TABLE[ROWS]
TABLE[ID] = Row(b"id", 2, TEXT, 0)
TABLE[MODEL] = Row(b"model", 5, TEXT, 0)
TABLE[CREATED] = Row(b"created", 7, COUNT, 0)
TABLE[KIND] = Row(b"object", 6, TEXT, 0)
TABLE[ERROR] = Row(b"error", 5, NOTHING, 0)
TABLE[CHOICES] = Row(b"choices", 7, SINGLE, CHOICE)
TABLE[SPENT] = Row(b"usage", 5, OBJECT, USAGE)
TABLE[TIMINGS] = Row(b"timings", 7, OBJECT, TIMES)
TABLE[INDEX] = Row(b"index", 5, COUNT, 0)
TABLE[DELTA] = Row(b"delta", 5, OBJECT, DELTAS)
TABLE[MESSAGE] = Row(b"message", 7, NOTHING, 0)
TABLE[FINISH] = Row(b"finish_reason", 13, TEXT, 0)
TABLE[LOGPROBS] = Row(b"logprobs", 8, NOTHING, 0)
TABLE[SAID] = Row(b"text", 4, TEXT, 0)
TABLE[ROLE] = Row(b"role", 4, TEXT, 0)
TABLE[CONTENT] = Row(b"content", 7, TEXT, 0)
TABLE[REASONING] = Row(b"reasoning", 9, TEXT, 0)
TABLE[REASONING_TOO] = Row(b"reasoning_content", 17, TEXT, 0)
TABLE[DETAILS] = Row(b"reasoning_details", 17, NO_ITEMS, 0)
TABLE[REFUSAL] = Row(b"refusal", 7, NO_TEXT, 0)
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
FIRST[CHUNK] = ID
FIRST[CHOICE] = INDEX
FIRST[DELTAS] = ROLE
FIRST[USAGE] = PROMPT
FIRST[READ] = CACHED
FIRST[WRITTEN] = THOUGHT
FIRST[TIMES] = CACHE_N
FIRST[LEVELS] = ROWS


cdef inline bint _long(Span span) noexcept:
    return span.start != NULL and span.end != span.start


cdef inline bint _is_error(Span span) noexcept:
    return span.start != NULL and span.end - span.start == 5 and memcmp(span.start, b"error", 5) == 0


cdef str _text(Span span):
    """The text in a span, empty where there is none."""
    cdef const char* start = <const char*>span.start
    cdef Py_ssize_t size
    cdef bytearray said
    if start == NULL or span.end == span.start:
        return ""
    size = span.end - span.start
    if memchr(start, 92, size) == NULL:
        return PyUnicode_DecodeUTF8(start, size, NULL)
    said = bytearray(size)
    size = unescape(said, span.start, span.end)
    return PyUnicode_DecodeUTF8(said, size, NULL)


cdef object _some(long long number):
    return None if number < 0 else number


cdef object _nanoseconds(Span span):
    """Milliseconds as nanoseconds; None where they are not told, or no time that anything takes."""
    cdef double millis
    if span.start == NULL:
        return None
    millis = float((<const char*>span.start)[:span.end - span.start])
    return int(millis * 1_000_000) if 0 <= millis < 1e12 else None


cdef class PlainChunk:
    """What a chunk says: empty and None where it says nothing. `chosen` is whether it has a choice, `delta` whether that
    has a delta, `named` whether the chunk names a model, `identified`, `spoken` and `ended` whether it has an id, a role
    and a finish, `spent` whether the usage is told as such, and not by timings. Texts are decoded when they are asked for."""

    @property
    def id(self):
        return _text(self._id)

    @property
    def model(self):
        return _text(self._model)

    @property
    def kind(self):
        return None if self._kind.start == NULL else _text(self._kind)

    @property
    def created(self):
        return _some(self._created)

    @property
    def role(self):
        return _text(self._role)

    @property
    def text(self):
        return _text(self._said)

    @property
    def thought(self):
        return _text(self._thought)

    @property
    def finish(self):
        return _text(self._finish)


cpdef speaks(bytes payload):
    """Whether a chunk brings text, thinking or a finish reason, where that is plain; else None."""
    cdef Span spans[ROWS]
    cdef PlainChunk told = read_chunk(payload)
    if told is None:
        return None
    if told.ended or _long(told._said) or _long(told._thought):
        return True
    memset(spans, 0, sizeof(spans))
    if told.delta and walk(told._delta.start, DELTAS, TABLE, FIRST, spans, KINDS, True) == NULL:
        return None  # it has something that is not known here
    return None if b'"prompt_progress"' in payload else False


cpdef PlainChunk read_chunk(bytes payload):
    """The chunk, or None where it is not plain."""
    cdef Span spans[ROWS]
    cdef long long numbers[ROWS]
    cdef const unsigned char* start = <const unsigned char*>PyBytes_AS_STRING(payload)
    cdef const unsigned char* p
    cdef long long prompt, output
    cdef PlainChunk told
    cdef int i
    memset(spans, 0, sizeof(spans))
    p = walk(spaces(start), CHUNK, TABLE, FIRST, spans, KINDS, False)
    if p == NULL or spaces(p) - start != PyBytes_GET_SIZE(payload):
        return None
    if _is_error(spans[FINISH]) or _is_error(spans[KIND]):
        return None
    numbers[CREATED] = counted(spans[CREATED])
    numbers[INDEX] = counted(spans[INDEX])
    if numbers[CREATED] == -2 or numbers[INDEX] == -2 or numbers[INDEX] > 0:
        return None
    if _long(spans[SAID]) and (_long(spans[CONTENT]) or _long(spans[REASONING]) or _long(spans[REASONING_TOO])):
        return None
    if _long(spans[REASONING]) and _long(spans[REASONING_TOO]):
        output = spans[REASONING].end - spans[REASONING].start
        if output != spans[REASONING_TOO].end - spans[REASONING_TOO].start:
            return None
        if memcmp(spans[REASONING].start, spans[REASONING_TOO].start, output) != 0:
            return None
    told = PlainChunk()
    if spans[SPENT].start != NULL or spans[TIMINGS].start != NULL:
        for i in range(PROMPT, ROWS):
            if TABLE[i].kind == COUNT:
                numbers[i] = counted(spans[i])
                if numbers[i] == -2:
                    return None
    if spans[SPENT].start != NULL:
        if numbers[PROMPT] < 0:
            return None
        prompt = numbers[PROMPT] - max(0, numbers[CACHED]) - max(0, numbers[STORED])
        output = numbers[OUTPUT]
        if output >= 0 and numbers[THOUGHT] > 0:
            output = max(0, output - numbers[THOUGHT])
        told.spent = True
        told.usage = make_usage(
            max(0, prompt), _some(numbers[CACHED]), _some(numbers[STORED]), _some(output), _some(numbers[THOUGHT])
        )
    if spans[TIMINGS].start != NULL:
        if told.usage is None and numbers[PROMPT_N] < 0:
            return None
        if told.usage is None:
            told.usage = make_usage(numbers[PROMPT_N], _some(numbers[CACHE_N]), None, _some(numbers[PREDICTED_N]))
        told.timings = make_timings(_nanoseconds(spans[PROMPT_MS]), _nanoseconds(spans[PREDICTED_MS]))
    told._payload = payload
    told._id = spans[ID]
    told._model = spans[MODEL]
    told._kind = spans[KIND]
    told._role = spans[ROLE]
    told._finish = spans[FINISH]
    told._said = spans[CONTENT if _long(spans[CONTENT]) else SAID]
    told._thought = spans[REASONING if _long(spans[REASONING]) else REASONING_TOO]
    told._delta = spans[DELTA]
    told._created = numbers[CREATED]
    told.identified = _long(spans[ID])
    told.spoken = _long(spans[ROLE])
    told.ended = _long(spans[FINISH])
    told.named = spans[MODEL].start != NULL
    told.chosen = spans[CHOICES].start != NULL and spans[CHOICES].end - spans[CHOICES].start > 2
    told.delta = spans[DELTA].start != NULL
    return told
