"""Reads a message that came whole and is written as almost every message is, without a parser's state machine.

Strategy: one pass over the head. Names are looked up among those that llhttp has let pass before; whatever is not
plainly right (a name never seen, a control character, a field twice, a folded line, a body of another length) is no
business of this module: None says so, and llhttp reads the message instead. There is no pure twin; llhttp is.

Rules: what is read here, llhttp would read the same way.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.unicode cimport PyUnicode_DecodeASCII
from libc.string cimport memchr, memcmp, memcpy

DEF LONGEST = 8192


cdef const char* _fields(const char* p, const char* end, dict names, dict out):
    """Reads fields into `out` up to the empty line; the place behind it, or NULL where the head is not plain."""
    cdef const char* line
    cdef const char* value
    cdef const char* stop
    cdef const char* limit = end if end - p < LONGEST else p + LONGEST
    cdef unsigned char c
    cdef bytes name
    while True:
        if limit - p < 2:
            return NULL
        if p[0] == 13:
            return p + 2 if p[1] == 10 else NULL
        line = p
        p = <const char*>memchr(p, 58, limit - p)
        if p == NULL:
            return NULL
        name = PyBytes_FromStringAndSize(line, p - line)
        lower = names.get(name)
        if lower is None or lower in out:
            return NULL
        p += 1
        while p < limit and (p[0] == 32 or p[0] == 9):
            p += 1
        value = p
        while p < limit:
            c = <unsigned char>p[0]
            if c < 32 and c != 9 or c == 127:
                break
            p += 1
        if limit - p < 2 or p[0] != 13 or p[1] != 10:
            return NULL
        stop = p
        while stop > value and ((stop - 1)[0] == 32 or (stop - 1)[0] == 9):
            stop -= 1
        out[lower] = PyBytes_FromStringAndSize(value, stop - value)
        p += 2


cdef Py_ssize_t _length(dict fields) except -2:
    """Content-Length, or -1 where there is none that is plain."""
    cdef bytes text = fields.get("content-length")
    cdef Py_ssize_t found = 0, i
    cdef const char* p
    if text is None or not 0 < PyBytes_GET_SIZE(text) < 10:
        return -1
    p = PyBytes_AS_STRING(text)
    for i in range(PyBytes_GET_SIZE(text)):
        if p[i] < 48 or p[i] > 57:
            return -1
        found = found * 10 + (p[i] - 48)
    return found


def read_post(bytes data, dict names):
    """A POST that is whole in `data` and has a Host, a length and a connection that stays: (target, fields, body)."""
    cdef const char* p = PyBytes_AS_STRING(data)
    cdef const char* end = p + PyBytes_GET_SIZE(data)
    cdef const char* target = p + 5
    cdef const char* line
    cdef dict fields = {}
    if end - p < 18 or memcmp(p, b"POST /", 6) != 0:
        return None
    line = target
    while line < end and 32 < <unsigned char>line[0] < 127:
        line += 1
    if end - line < 11 or memcmp(line, b" HTTP/1.1\r\n", 11) != 0:
        return None
    p = _fields(line + 11, end, names, fields)
    if p == NULL or "host" not in fields or _length(fields) != end - p:
        return None
    connection = fields.get("connection")
    if connection is not None and connection != b"keep-alive" or "proxy-connection" in fields:
        return None
    return PyUnicode_DecodeASCII(target, line - target, NULL), fields, PyBytes_FromStringAndSize(p, end - p)


def read_answer(bytes data, dict names):
    """An answer of 200 on a connection that stays: (headers, body, None) where it is whole in `data`, (headers, what
    has come of the body, its reader) where it comes in chunks."""
    cdef const char* p = PyBytes_AS_STRING(data)
    cdef const char* end = p + PyBytes_GET_SIZE(data)
    cdef const char* line
    cdef dict fields = {}
    if end - p < 19 or memcmp(p, b"HTTP/1.1 200 ", 13) != 0:
        return None
    line = <const char*>memchr(p, 13, end - p)
    if line == NULL or line + 1 != <const char*>memchr(p, 10, end - p):
        return None
    p = _fields(line + 2, end, names, fields)
    if p == NULL or "connection" in fields or "proxy-connection" in fields or "upgrade" in fields:
        return None
    encoding = fields.get("transfer-encoding")
    reader = None
    if encoding is not None:
        if encoding != b"chunked" or "content-length" in fields:
            return None
        reader = ChunkReader()
    elif _length(fields) != end - p:
        return None
    headers = [(name, (<bytes>value).decode("utf-8", "surrogateescape")) for name, value in fields.items()]
    return headers, PyBytes_FromStringAndSize(p, end - p), reader


cdef enum:
    SIZE, EXTENSION, SIZE_END, DATA, DATA_END, DATA_LF, TRAILER, TRAILER_LINE, TRAILER_END, OVER


cdef class ChunkReader:
    """Takes the chunks of a body apart, cut anywhere. `feed` gives the payload of what it is fed; `done` once the last
    chunk and its trailers have passed; `more` where bytes follow them; `fault` where this is no chunked body. As lenient
    as llhttp is asked to be: lone line feeds and padded sizes pass."""

    cdef int _state, _digits
    cdef unsigned long long _left
    cdef readonly bint done, more, fault

    def __init__(self):
        self._state = SIZE

    cpdef bytes feed(self, bytes data):
        cdef const char* p = PyBytes_AS_STRING(data)
        cdef const char* end = p + PyBytes_GET_SIZE(data)
        cdef bytes payload = PyBytes_FromStringAndSize(NULL, end - p)
        cdef char* start = PyBytes_AS_STRING(payload)
        cdef char* out = start
        cdef Py_ssize_t size
        cdef int state = self._state
        cdef unsigned char c
        while p < end and not self.fault:
            if state == DATA:
                size = end - p
                if <unsigned long long>size > self._left:
                    size = <Py_ssize_t>self._left
                memcpy(out, p, size)
                out += size
                p += size
                self._left -= size
                if self._left == 0:
                    state = DATA_END
                continue
            if state == OVER:
                self.more = True
                break
            c = <unsigned char>p[0]
            p += 1
            if state == SIZE:
                if 48 <= c <= 57 or 97 <= (c | 32) <= 102:
                    self._left = self._left * 16 + (c - 48 if c <= 57 else (c | 32) - 87)
                    self._digits += 1
                    self.fault = self._digits > 15
                elif self._digits == 0:
                    self.fault = True
                elif c == 13:
                    state = SIZE_END
                elif c == 10:
                    state = DATA if self._left else TRAILER
                elif c == 59 or c == 32 or c == 9:
                    state = EXTENSION
                else:
                    self.fault = True
            elif state == EXTENSION:
                if c == 13:
                    state = SIZE_END
                elif c == 10:
                    state = DATA if self._left else TRAILER
            elif state == SIZE_END:
                self.fault = c != 10
                state = DATA if self._left else TRAILER
            elif state == DATA_END or state == DATA_LF:
                if c == 10:
                    state = SIZE
                    self._digits = 0
                elif c == 13 and state == DATA_END:
                    state = DATA_LF
                else:
                    self.fault = True
            elif state == TRAILER:
                state = OVER if c == 10 else TRAILER_END if c == 13 else TRAILER_LINE
            elif state == TRAILER_LINE:
                if c == 10:
                    state = TRAILER
            else:
                self.fault = c != 10
                state = OVER
        self._state = state
        self.done = state == OVER and not self.fault
        return payload if out - start == PyBytes_GET_SIZE(payload) else PyBytes_FromStringAndSize(start, out - start)
