"""Lets requests and answers pass: reads what routing needs of a request, and puts another name in the place of a model's.

Strategy: one walk over the bytes, or one that is known from before, sees that they are JSON and notes where a few
members stand. The numbers of a vector are passed over at the speed of memory, for they are the business of the two ends
alone. Whatever is more than plain (an extension of ours, a name with an escape, a key that comes twice) is no business
of this module: None says so, and `request`, `splice` and `embeddings` look at it instead.

Rules: what is done here, they would do the same way; a test compares the two.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.string cimport memchr, memcmp, memcpy, memset

from ollamux.formats.asking cimport Incoming
from ollamux.formats.openai_chat._plain cimport spent_on
from ollamux.formats.openai_chat.route cimport Routed
from ollamux.streaming._json cimport (
    ANY, COUNT, FLAG, NOTHING, OBJECT, TEXT, TURNS, VALUE, Row, Span, counted, key_end, spaces, value_end, word_end,
)
from ollamux.streaming._scan cimport fill, text_end
from ollamux.streaming._shape cimport Shapes, name_of, shapes_of
from ollamux.usage cimport Usage

import msgspec

cdef object encode = msgspec.json.Encoder().encode

cdef extern from *:
    """
    #if defined(__GNUC__) && defined(__SSE2__)
    #include <emmintrin.h>
    #endif
    static int ollamux_holds(const char *p, Py_ssize_t size, const char *word, Py_ssize_t length) {
        const char *end = p + size - length + 1, *last = p + length - 1;
        if (length < 1 || size < length) return length < 1;
    #if defined(__GNUC__) && defined(__SSE2__)
        const __m128i first_of = _mm_set1_epi8(word[0]), last_of = _mm_set1_epi8(word[length - 1]);
        for (; end - p >= 16; p += 16, last += 16) {
            __m128i at_first = _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)p), first_of);
            __m128i at_last = _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)last), last_of);
            unsigned marks = (unsigned)_mm_movemask_epi8(_mm_and_si128(at_first, at_last));
            for (; marks; marks &= marks - 1)
                if (memcmp(p + __builtin_ctz(marks), word, (size_t)length) == 0) return 1;
        }
    #endif
        for (; p < end; p++) {
            p = (const char *)memchr(p, word[0], (size_t)(end - p));
            if (!p) return 0;
            if (memcmp(p, word, (size_t)length) == 0) return 1;
        }
        return 0;
    }
    """
    bint holds_word "ollamux_holds" (const char* p, Py_ssize_t size, const char* word, Py_ssize_t length) noexcept nogil


cdef unsigned char KINDS[256]
fill(KINDS)

cdef enum:
    MODEL, CHOICES, SPENT, ERROR, PROMPT, OUTPUT, READ_PARTS, WRITTEN_PARTS, CACHED, STORED, THOUGHT, PASSED_ROWS

cdef Row PASSED[PASSED_ROWS]
PASSED[MODEL] = Row(b"model", 5, TEXT, 0)
PASSED[ERROR] = Row(b"error", 5, NOTHING, 0)
PASSED[CHOICES] = Row(b"choices", 7, ANY, 0)
PASSED[SPENT] = Row(b"usage", 5, OBJECT, 1)
PASSED[PROMPT] = Row(b"prompt_tokens", 13, COUNT, 0)
PASSED[OUTPUT] = Row(b"completion_tokens", 17, COUNT, 0)
PASSED[READ_PARTS] = Row(b"prompt_tokens_details", 21, OBJECT, 2)
PASSED[WRITTEN_PARTS] = Row(b"completion_tokens_details", 25, OBJECT, 3)
PASSED[CACHED] = Row(b"cached_tokens", 13, COUNT, 0)
PASSED[STORED] = Row(b"cache_write_tokens", 18, COUNT, 0)
PASSED[THOUGHT] = Row(b"reasoning_tokens", 16, COUNT, 0)

cdef int PASSED_FIRST[5]
PASSED_FIRST[0] = MODEL
PASSED_FIRST[1] = PROMPT
PASSED_FIRST[2] = CACHED
PASSED_FIRST[3] = THOUGHT
PASSED_FIRST[4] = PASSED_ROWS

cdef Shapes ANSWERS = shapes_of(PASSED, PASSED_FIRST, PASSED_ROWS, False)

cdef enum:
    NAMED, TOLD, FLOWING, OFFERED, MANY, STREAMED, KNOBS, KEPT, CONTEXT, THINKS, USED, ROUTE_ROWS

cdef Row ROUTE[ROUTE_ROWS]
ROUTE[NAMED] = Row(b"model", 5, TEXT, 0)
ROUTE[TOLD] = Row(b"messages", 8, VALUE, 0)
ROUTE[FLOWING] = Row(b"stream", 6, FLAG, 0)
ROUTE[OFFERED] = Row(b"tools", 5, VALUE, 0)
ROUTE[MANY] = Row(b"n", 1, COUNT, 0)
ROUTE[STREAMED] = Row(b"stream_options", 14, OBJECT, 1)
ROUTE[KNOBS] = Row(b"options", 7, NOTHING, 0)
ROUTE[KEPT] = Row(b"keep_alive", 10, NOTHING, 0)
ROUTE[CONTEXT] = Row(b"num_ctx", 7, NOTHING, 0)
ROUTE[THINKS] = Row(b"think", 5, NOTHING, 0)
ROUTE[USED] = Row(b"include_usage", 13, FLAG, 0)

cdef int ROUTE_FIRST[3]
ROUTE_FIRST[0] = NAMED
ROUTE_FIRST[1] = USED
ROUTE_FIRST[2] = ROUTE_ROWS

cdef Shapes REQUESTS = shapes_of(ROUTE, ROUTE_FIRST, ROUTE_ROWS, False)

cdef Row USUALLY[ROUTE_ROWS]
memcpy(USUALLY, ROUTE, sizeof(ROUTE))
USUALLY[TOLD].kind = TURNS

cdef Shapes USUAL = shapes_of(USUALLY, ROUTE_FIRST, ROUTE_ROWS, False)


cdef bytes _under(bytes body, Span model, bytes name):
    """The body with this name, JSON text, in the place of its model's."""
    cdef const char* start = PyBytes_AS_STRING(body)
    cdef Py_ssize_t before = <const char*>model.start - 1 - start
    cdef Py_ssize_t behind = <const char*>model.end + 1 - start
    cdef Py_ssize_t size = PyBytes_GET_SIZE(name), rest = PyBytes_GET_SIZE(body) - behind
    cdef bytes made
    cdef char* out
    if behind - before == size and memcmp(start + before, PyBytes_AS_STRING(name), size) == 0:
        return body
    made = PyBytes_FromStringAndSize(NULL, before + size + rest)
    out = PyBytes_AS_STRING(made)
    memcpy(out, start, before)
    memcpy(out + before, PyBytes_AS_STRING(name), size)
    memcpy(out + before + size, start + behind, rest)
    return made


cpdef bint holds(bytes body, bytes word):
    """Whether the word is somewhere in the body. Its first byte and its last are looked for, 16 places at a time: where
    both are quotation marks, hardly anything else has them so far apart."""
    return holds_word(PyBytes_AS_STRING(body), PyBytes_GET_SIZE(body), PyBytes_AS_STRING(word), PyBytes_GET_SIZE(word))


cpdef bint shows(bytes body, tuple words):
    """Whether any of the words is somewhere in the body."""
    cdef bytes word
    for word in words:
        if holds_word(PyBytes_AS_STRING(body), PyBytes_GET_SIZE(body), PyBytes_AS_STRING(word), PyBytes_GET_SIZE(word)):
            return True
    return False


cdef Usage _spent(Span* spans):
    """What an answer cost, where it says so in whole numbers."""
    cdef long long numbers[PASSED_ROWS]
    cdef int i
    if spans[SPENT].start == NULL:
        return None
    for i in range(PROMPT, PASSED_ROWS):
        if PASSED[i].kind == COUNT:
            numbers[i] = counted(spans[i])
            if numbers[i] == -2:
                return None
    return spent_on(numbers[PROMPT], numbers[CACHED], numbers[STORED], numbers[OUTPUT], numbers[THOUGHT])


cdef bint _is(Span text, str name) except -1:
    """Whether a text without escapes is this name."""
    cdef Py_ssize_t size = 0
    cdef const char* told = PyUnicode_AsUTF8AndSize(name, &size)
    return text.end - text.start == size and memcmp(text.start, told, size) == 0 and memchr(told, 92, size) == NULL


cpdef bytes renamed(Incoming incoming, bytes body):
    """A whole answer under the name by which its model was asked for; None where it is not one that may pass as it is.
    What it cost is kept with the request, as far as that is seen."""
    cdef Span spans[PASSED_ROWS]
    if not ANSWERS.read(body, spans):
        return None
    if spans[CHOICES].start == NULL or spans[CHOICES].start[0] != 91:
        return None
    if spans[MODEL].start != NULL:
        if not _is(spans[MODEL], incoming.model):
            body = _under(body, spans[MODEL], encode(incoming.model))
    elif spans[MODEL].end != NULL:
        return None
    incoming.spent = _spent(spans)
    return body


cpdef bytes joined(bytes first, bytes second, bytes third, bytes fourth):
    """The members of an object, one behind the other, and its end."""
    cdef Py_ssize_t one = PyBytes_GET_SIZE(first), two = PyBytes_GET_SIZE(second)
    cdef Py_ssize_t three = PyBytes_GET_SIZE(third), four = PyBytes_GET_SIZE(fourth)
    cdef bytes made = PyBytes_FromStringAndSize(NULL, one + two + three + four + 1)
    cdef char* out = PyBytes_AS_STRING(made)
    memcpy(out, PyBytes_AS_STRING(first), one)
    memcpy(out + one, PyBytes_AS_STRING(second), two)
    memcpy(out + one + two, PyBytes_AS_STRING(third), three)
    memcpy(out + one + two + three, PyBytes_AS_STRING(fourth), four)
    out[one + two + three + four] = 125
    return made


cpdef bytes asked_as(bytes body, bytes name):
    """A request under this name for its model, JSON text; None where that cannot be seen quickly."""
    cdef Span spans[ROUTE_ROWS]
    if not REQUESTS.read(body, spans) or spans[NAMED].start == NULL:
        return None
    return _under(body, spans[NAMED], name)


cdef const unsigned char* _vector_end(
    const unsigned char* p, const unsigned char* end, bint packed, Py_ssize_t most
) noexcept nogil:
    """Behind the vector at p, base64 if `packed`, else numbers, at which nobody looks. NULL where it is none, or of more
    than `most` numbers (0: any)."""
    cdef const unsigned char* stop
    cdef Py_ssize_t size
    if p[0] != (34 if packed else 91):
        return NULL
    p += 1
    stop = <const unsigned char*>memchr(p, 34 if packed else 93, end - p)
    if stop == NULL or stop == p or memchr(p, 92, stop - p) != NULL:
        return NULL
    if packed:
        size = (stop - p) * 3 // 16
    else:
        if memchr(p, 34, stop - p) != NULL or memchr(p, 91, stop - p) != NULL or memchr(p, 123, stop - p) != NULL:
            return NULL
        size = 1
        if most:
            while p < stop:
                size += p[0] == 44
                p += 1
    return NULL if 0 < most < size else stop + 1


cdef const unsigned char* _vectors_end(const unsigned char* p, const unsigned char* end, bint packed, Py_ssize_t most) noexcept nogil:
    """Behind the rows at p, each with one vector. NULL where they are anything else."""
    cdef const unsigned char* key
    cdef Py_ssize_t size = 0
    cdef bint found
    if p[0] != 91:
        return NULL
    while p[0] != 93:
        p = spaces(p + 1)
        if p[0] != 123:
            return NULL
        found = False
        while p[0] != 125:
            key = spaces(p + 1)
            p = key_end(key, KINDS, &size)
            if p == NULL:
                return NULL
            if size == 9 and memcmp(key + 1, b"embedding", 9) == 0:
                if found:
                    return NULL
                found = True
                p = _vector_end(p, end, packed, most)
            else:
                p = value_end(p, KINDS)
            if p == NULL:
                return NULL
            p = spaces(p)
            if p[0] != 44 and p[0] != 125:
                return NULL
        if not found:
            return NULL
        p = spaces(p + 1)
        if p[0] != 44 and p[0] != 93:
            return NULL
    return p + 1


def passed(bytes body, bytes name, bint packed, Py_ssize_t most):
    """An answer of vectors, base64 if `packed`, else numbers, of `most` numbers each (0: any) under this name for its
    model, JSON text. None where it is not an answer that may pass as it is."""
    cdef Span model
    cdef const unsigned char* start = <const unsigned char*>PyBytes_AS_STRING(body)
    cdef const unsigned char* end = start + PyBytes_GET_SIZE(body)
    cdef const unsigned char* p = spaces(start)
    cdef const unsigned char* key
    cdef Py_ssize_t size = 0
    cdef bint found = False
    memset(&model, 0, sizeof(model))
    if p[0] != 123:
        return None
    while p[0] != 125:
        key = spaces(p + 1)
        p = key_end(key, KINDS, &size)
        if p == NULL:
            return None
        if size == 4 and memcmp(key + 1, b"data", 4) == 0:
            if found:
                return None
            found = True
            p = _vectors_end(p, end, packed, most)
        elif size == 5 and memcmp(key + 1, b"error", 5) == 0:
            p = word_end(p) if p[0] == 110 else NULL
        elif size == 5 and memcmp(key + 1, b"model", 5) == 0:
            if model.start != NULL or p[0] != 34:
                return None
            model.start = p + 1
            model.end = text_end(p + 1, KINDS)
            p = NULL if model.end == NULL else model.end + 1
        else:
            p = value_end(p, KINDS)
        if p == NULL:
            return None
        p = spaces(p)
        if p[0] != 44 and p[0] != 125:
            return None
    if not found or spaces(p + 1) != end:
        return None
    return body if model.start == NULL else _under(body, model, name)


cpdef bint route_of(Routed incoming) except -1:
    """Reads what has to be known of a request; False for one with extensions. The whole of it is seen to be JSON."""
    cdef bytes body = incoming.body
    cdef Span spans[ROUTE_ROWS]
    cdef Py_ssize_t size
    cdef long long choices
    cdef bint usual = USUAL.read(body, spans)
    if not usual and not REQUESTS.read(body, spans) or spans[NAMED].start == NULL:
        return False
    size = spans[NAMED].end - spans[NAMED].start
    choices = counted(spans[MANY])
    if size == 0 or choices == -2 or memchr(spans[NAMED].start, 92, size) != NULL:
        return False
    if spans[OFFERED].start != NULL and spans[OFFERED].start[0] != 91:
        return False
    incoming.model = name_of(spans[NAMED].start, size)
    incoming.stream = spans[FLOWING].start != NULL and spans[FLOWING].start[0] == 116
    incoming.tools = spans[OFFERED].start != NULL and spaces(spans[OFFERED].start + 1)[0] != 93
    incoming.choices = max(1, choices)
    if spans[STREAMED].start != NULL:
        incoming.usage = spans[USED].start != NULL and spans[USED].start[0] == 116
    else:
        incoming.usage = -1 if spans[STREAMED].end == NULL else -2
    incoming.usual = usual and spans[TOLD].start != NULL
    incoming.pictures = not incoming.usual and holds_word(
        PyBytes_AS_STRING(body), PyBytes_GET_SIZE(body), b'"image_url"', 11
    )
    incoming.extensions = None
    return True
