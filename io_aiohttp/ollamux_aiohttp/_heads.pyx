"""Reads a message that came whole and is written as almost every message is, without a parser's state machine.

Strategy: one pass over the head. Whatever is not plainly right (a name that is no token, a control character, a field
twice, a folded line, a body of another length) is no business of this module: None says so, and llhttp reads the
message instead. An answer's names are looked up among those that llhttp has let pass before. There is no pure twin;
llhttp is.

Rules: what is read here, llhttp would read the same way.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.unicode cimport PyUnicode_AsUTF8AndSize, PyUnicode_DecodeASCII, PyUnicode_DecodeUTF8
from cpython.object cimport PyObject
from libc.string cimport memchr, memcmp, memcpy

from ollamux.recurring cimport Recurring
from ollamux.streaming._buffer cimport cut, room
from ollamux.streaming._scan cimport digits

DEF LONGEST = 8192

cdef const char* HEX = b"0123456789abcdef"

cdef unsigned char TOKEN[256]
cdef unsigned char LOWER[256]


def _tables():
    """What may stand in a field's name, and every byte in lower case."""
    cdef int code
    for code in range(256):
        TOKEN[code] = chr(code) in "!#$%&'*+-.^_`|~" or code < 128 and chr(code).isalnum()
        LOWER[code] = code + 32 if 65 <= code <= 90 else code


_tables()


cpdef bytes sized(bytes head, bytes line, bytes body):
    """A whole message: `head`, its Content-Length, `line`, the empty line and the body, in one piece."""
    cdef Py_ssize_t first = PyBytes_GET_SIZE(head), second = PyBytes_GET_SIZE(line), third = PyBytes_GET_SIZE(body)
    cdef Py_ssize_t rest = third
    cdef int count = 1
    cdef char* p
    cdef bytes made
    while rest >= 10:
        rest //= 10
        count += 1
    made = PyBytes_FromStringAndSize(NULL, first + 16 + count + 2 + second + 2 + third)
    p = PyBytes_AS_STRING(made)
    memcpy(p, PyBytes_AS_STRING(head), first)
    p += first
    memcpy(p, b"Content-Length: ", 16)
    digits(p + 16, count, third)
    p += 16 + count
    memcpy(p, b"\r\n", 2)
    memcpy(p + 2, PyBytes_AS_STRING(line), second)
    p += 2 + second
    memcpy(p, b"\r\n", 2)
    memcpy(p + 2, PyBytes_AS_STRING(body), third)
    return made


cpdef bytes chunked(bytes data, bytes before=b"", bytes behind=b""):
    """A piece of a body as a chunk of its own, between other bytes, in one piece."""
    cdef Py_ssize_t size = PyBytes_GET_SIZE(data), first = PyBytes_GET_SIZE(before), last = PyBytes_GET_SIZE(behind)
    cdef Py_ssize_t rest = size
    cdef int count = 1
    cdef char* p
    cdef bytes made
    while rest >= 16:
        rest >>= 4
        count += 1
    made = PyBytes_FromStringAndSize(NULL, first + count + 2 + size + 2 + last)
    p = PyBytes_AS_STRING(made)
    memcpy(p, PyBytes_AS_STRING(before), first)
    p += first + count
    memcpy(p, b"\r\n", 2)
    memcpy(p + 2, PyBytes_AS_STRING(data), size)
    memcpy(p + 2 + size, b"\r\n", 2)
    memcpy(p + 4 + size, PyBytes_AS_STRING(behind), last)
    while count:
        count -= 1
        p -= 1
        p[0] = HEX[size & 15]
        size >>= 4
    return made


cpdef bytes behind(bytes data, Py_ssize_t size):
    """What follows the first `size` bytes, which are no more than there are."""
    return PyBytes_FromStringAndSize(PyBytes_AS_STRING(data) + size, PyBytes_GET_SIZE(data) - size)


cdef class LastHead:
    """The head of the last answer of one server. Most of its lines come again, at the same places and byte for byte,
    and are then not read anew. `fields` are its headers, `chunks` what reads its body where that came in chunks."""


cdef const char* _fields(
    const char* p, const char* end, dict names, LastHead last, list out, Line* lines, Py_ssize_t* length
):
    """Reads fields into `out` and `lines` up to the empty line; the place behind it, or NULL where the head is not plain.
    `length` is that of the body: -1 in chunks, -2 where nothing tells."""
    cdef const char* limit = end if end - p < LONGEST else p + LONGEST
    cdef const char* base = p
    cdef const char* before = NULL
    cdef const char* line
    cdef const char* value
    cdef const char* stop
    cdef Line* known
    cdef unsigned char c
    cdef int count = 0, left = 0
    length[0] = -2
    if last._head is not None:
        before = PyBytes_AS_STRING(last._head)
        left = <int>len(last.fields)
    while True:
        if limit - p < 2:
            return NULL
        if p[0] == 13:
            return p + 2 if p[1] == 10 else NULL
        if count == FIELDS:
            return NULL
        line = p
        known = &last._lines[count]
        if count < left and limit - p > known.size and memcmp(p, before + known.at, known.size) == 0:
            lines[count] = known[0]
            lines[count].at = <unsigned short>(line - base)
            if known.framing:
                if length[0] != -2:
                    return NULL
                length[0] = known.length
            out.append(last.fields[count])
            count += 1
            p += known.size
            continue
        p = <const char*>memchr(p, 58, limit - p)
        if p == NULL:
            return NULL
        lower = names.get(PyBytes_FromStringAndSize(line, p - line))
        if lower is None or lower == "connection" or lower == "proxy-connection" or lower == "upgrade":
            return NULL
        for pair in out:
            if (<tuple>pair)[0] == lower:
                return NULL
        if count < left and (<tuple>last.fields[count])[0] != lower:
            left = 0  # it stood elsewhere, so what follows might name it again
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
        p += 2
        lines[count].at = <unsigned short>(line - base)
        lines[count].size = <unsigned short>(p - line)
        lines[count].framing = lower == "content-length" or lower == "transfer-encoding"
        if lines[count].framing:
            if length[0] != -2:
                return NULL
            length[0] = _length(value, stop) if lower == "content-length" else _chunked(value, stop)
            if length[0] == -2:
                return NULL
            lines[count].length = length[0]
        out.append((lower, PyUnicode_DecodeUTF8(value, stop - value, "surrogateescape")))
        count += 1


cdef Py_ssize_t _length(const char* p, const char* end) noexcept:
    """A Content-Length, -2 where it is none that is plain."""
    cdef Py_ssize_t found = 0
    if not 0 < end - p < 10:
        return -2
    while p < end:
        if p[0] < 48 or p[0] > 57:
            return -2
        found = found * 10 + (p[0] - 48)
        p += 1
    return found


cdef Py_ssize_t _chunked(const char* p, const char* end) noexcept:
    return -1 if end - p == 7 and memcmp(p, b"chunked", 7) == 0 else -2


cdef class PlainHeaders(Recurring):
    """The headers of a request that was read here, by their names in lower case: their places in the head, so that a
    value is made when somebody asks for it. `target` is the request's, `size` what its head takes."""

    cdef int _find(self, const char* name, Py_ssize_t size) noexcept:
        """The place of a field, -1 where there is none. `name` is in lower case."""
        cdef const char* head = PyBytes_AS_STRING(self._head)
        cdef int i
        for i in range(self._count):
            if self._fields[i].name_size == size and _same(head + self._fields[i].name, name, size):
                return i
        return -1

    cdef str _value(self, int place):
        cdef const char* start = PyBytes_AS_STRING(self._head) + self._fields[place].value
        return PyUnicode_DecodeUTF8(start, self._fields[place].value_size, "surrogateescape")

    cdef str _name(self, int place):
        cdef const char* start = PyBytes_AS_STRING(self._head) + self._fields[place].name
        return PyUnicode_DecodeASCII(start, self._fields[place].name_size, NULL).lower()

    cpdef get(self, str name, default=None):
        cdef Py_ssize_t size = 0
        cdef const char* text = PyUnicode_AsUTF8AndSize(name, &size)
        cdef int place = self._find(text, size)
        return default if place < 0 else self._value(place)

    def __getitem__(self, str name):
        found = self.get(name)
        if found is None:
            raise KeyError(name)
        return found

    def __contains__(self, name):
        cdef Py_ssize_t size = 0
        cdef const char* text
        if type(name) is not str:
            return False
        text = PyUnicode_AsUTF8AndSize(<str>name, &size)
        return self._find(text, size) >= 0

    def __iter__(self):
        return iter([self._name(place) for place in range(self._count)])

    def __len__(self):
        return self._count

    def keys(self):
        return list(self)

    def values(self):
        return [self._value(place) for place in range(self._count)]

    def items(self):
        return [(self._name(place), self._value(place)) for place in range(self._count)]

    cdef const char* _scan(self, const char* p, const char* end) noexcept:
        """Finds the fields up to the empty line; the place behind it, or NULL where the head is not plain: without a
        Host or a length, with a connection that does not stay, with a body that is more than its bytes."""
        cdef const char* base = PyBytes_AS_STRING(self._head)
        cdef const char* line
        cdef const char* stop
        cdef Field* field
        cdef unsigned char c
        cdef bint host = False
        cdef int i, kind
        while True:
            if end - p < 2:
                return NULL
            if p[0] == 13:
                return p + 2 if p[1] == 10 and host and self._length_at else NULL
            if self._count == FIELDS:
                return NULL
            field = &self._fields[self._count]
            line = p
            while p < end and TOKEN[<unsigned char>p[0]]:
                p += 1
            if p == end or p[0] != 58 or p == line:
                return NULL
            field.name = <unsigned short>(line - base)
            field.name_size = <unsigned short>(p - line)
            kind = _kind(line, p - line)
            if kind == ODD:
                return NULL
            if p - line > 2 and (line[0] == 120 or line[0] == 88) and line[1] == 45:
                self.extended = True
            for i in range(self._count):
                if self._fields[i].name_size == field.name_size and _alike(base + self._fields[i].name, line, p - line):
                    return NULL
            p += 1
            while p < end and (p[0] == 32 or p[0] == 9):
                p += 1
            line = p
            while p < end:
                c = <unsigned char>p[0]
                if c < 32 and c != 9 or c == 127:
                    break
                p += 1
            if end - p < 2 or p[0] != 13 or p[1] != 10:
                return NULL
            stop = p
            while stop > line and ((stop - 1)[0] == 32 or (stop - 1)[0] == 9):
                stop -= 1
            field.value = <unsigned short>(line - base)
            field.value_size = <unsigned short>(stop - line)
            if kind == HOST:
                host = True
            elif kind == CONNECTION:
                if stop - line != 10 or memcmp(line, b"keep-alive", 10) != 0:
                    return NULL
            elif kind == LENGTH:
                self._length_at = self._count + 1
                self._length = _length(line, stop)
                if self._length < 0:
                    return NULL
            self._count += 1
            p += 2

    cdef PlainHeaders _again(self, bytes data):
        """These of the next request on the same connection, where its head is the same but for the length that it
        tells and its body is whole; else None."""
        cdef Field* field = &self._fields[self._length_at - 1]
        cdef Py_ssize_t all = PyBytes_GET_SIZE(data), at = field.value, left = self.size - at - field.value_size
        cdef const char* before = PyBytes_AS_STRING(self._head)
        cdef const char* start = PyBytes_AS_STRING(data)
        cdef const char* p = start + at
        cdef Py_ssize_t length, more
        cdef PlainHeaders made
        cdef int i
        if all <= at or memcmp(start, before, at) != 0:
            return None
        while 48 <= p[0] <= 57:  # a NUL ends what is there
            p += 1
        length = _length(start + at, p)
        more = p - start - at - field.value_size
        if length < 0 or all != self.size + more + length or memcmp(p, before + self.size - left, left) != 0:
            return None
        if not more and length == self._length:
            return self
        made = PlainHeaders.__new__(PlainHeaders)
        made._head = PyBytes_FromStringAndSize(start, self.size + more)
        made._count = self._count
        made._length_at = self._length_at
        made._length = length
        made.target = self.target
        made.size = self.size + more
        made.extended = self.extended
        made.known = self.known
        memcpy(made._fields, self._fields, self._count * sizeof(Field))
        made._fields[self._length_at - 1].value_size += <unsigned short>more
        for i in range(self._length_at, self._count):
            made._fields[i].name += <unsigned short>more
            made._fields[i].value += <unsigned short>more
        return made


cdef enum:
    HOST = 1
    LENGTH
    CONNECTION
    ODD


cdef int _kind(const char* name, Py_ssize_t size) noexcept:
    """What a field of this name means for how a request is read."""
    if size == 4:
        return HOST if _same(name, b"host", 4) else 0
    if size == 14:
        return LENGTH if _same(name, b"content-length", 14) else 0
    if size == 10:
        return CONNECTION if _same(name, b"connection", 10) else 0
    if size == 6:
        return ODD if _same(name, b"expect", 6) else 0
    if size == 7:
        return ODD if _same(name, b"upgrade", 7) else 0
    if size == 16:
        return ODD if _same(name, b"proxy-connection", 16) or _same(name, b"content-encoding", 16) else 0
    if size == 17:
        return ODD if _same(name, b"transfer-encoding", 17) else 0
    return 0


cdef bint _same(const char* text, const char* lower, Py_ssize_t size) noexcept:
    """Whether a text is this one but for capitals."""
    cdef Py_ssize_t i
    for i in range(size):
        if LOWER[<unsigned char>text[i]] != <unsigned char>lower[i]:
            return False
    return True


cdef bint _alike(const char* one, const char* other, Py_ssize_t size) noexcept:
    cdef Py_ssize_t i
    for i in range(size):
        if LOWER[<unsigned char>one[i]] != LOWER[<unsigned char>other[i]]:
            return False
    return True


cpdef PlainHeaders read_post(bytes data, PlainHeaders before=None):
    """The headers of a POST that is whole in `data` and has a Host, a length and a connection that stays; None for
    anything else. `before` are those of the request before it on the same connection."""
    cdef const char* start = PyBytes_AS_STRING(data)
    cdef const char* end = start + PyBytes_GET_SIZE(data)
    cdef const char* limit = end if end - start < LONGEST else start + LONGEST
    cdef const char* target = start + 5
    cdef const char* line
    cdef const char* p
    cdef PlainHeaders headers
    if before is not None:
        headers = before._again(data)
        if headers is not None:
            return headers
    if end - start < 18 or memcmp(start, b"POST /", 6) != 0:
        return None
    line = target
    while line < limit and 32 < <unsigned char>line[0] < 127:
        line += 1
    if limit - line < 11 or memcmp(line, b" HTTP/1.1\r\n", 11) != 0:
        return None
    headers = PlainHeaders.__new__(PlainHeaders)
    headers._head = data
    p = headers._scan(line + 11, limit)
    if p == NULL or headers._length != end - p:
        return None
    headers.size = p - start
    headers.target = PyUnicode_DecodeASCII(target, line - target, NULL)
    headers._head = PyBytes_FromStringAndSize(start, p - start)
    return headers


cpdef Py_ssize_t read_answer(bytes data, dict names, LastHead last) except -2:
    """What the head takes of an answer of 200 on a connection that stays, whose body is whole in `data` or comes in
    chunks; -1 for anything else. `last` is the head of the one before, and this one's from here on."""
    cdef const char* start = PyBytes_AS_STRING(data)
    cdef const char* end = start + PyBytes_GET_SIZE(data)
    cdef const char* line
    cdef const char* p
    cdef Py_ssize_t length = 0
    cdef list fields
    cdef Line lines[FIELDS]
    if end - start < 19 or memcmp(start, b"HTTP/1.1 200 ", 13) != 0:
        return -1
    line = <const char*>memchr(start, 13, end - start)
    if line == NULL or line + 1 != <const char*>memchr(start, 10, end - start):
        return -1
    line += 2
    if last._head is not None and end - line >= PyBytes_GET_SIZE(last._head):
        p = line + PyBytes_GET_SIZE(last._head)
        if memcmp(line, PyBytes_AS_STRING(last._head), p - line) == 0:  # down to its last line: the same fields
            if last._length >= 0 and last._length != end - p:
                return -1
            last.chunks = ChunkReader() if last._length == -1 else None
            return p - start
    fields = []
    p = _fields(line, end, names, last, fields, lines, &length)
    if p == NULL or (length >= 0 and length != end - p) or length == -2:
        return -1
    if last._head is None or PyBytes_GET_SIZE(last._head) != p - line or memcmp(PyBytes_AS_STRING(last._head), line, p - line) != 0:
        last._head = PyBytes_FromStringAndSize(line, p - line)
        memcpy(last._lines, lines, len(fields) * sizeof(Line))
    last.fields = fields
    last._length = length
    last.chunks = ChunkReader() if length == -1 else None
    return p - start


cdef enum:
    SIZE, EXTENSION, SIZE_END, DATA, DATA_END, DATA_LF, TRAILER, TRAILER_LINE, TRAILER_END, OVER


cdef class ChunkReader:
    """Takes the chunks of a body apart, cut anywhere. `feed` gives the payload of what it is fed; `done` once the last
    chunk and its trailers have passed; `more` where bytes follow them; `fault` where this is no chunked body. As lenient
    as llhttp is asked to be: lone line feeds and padded sizes pass."""

    def __init__(self):
        self._state = SIZE

    cpdef bytes feed(self, bytes data):
        cdef const char* p = PyBytes_AS_STRING(data)
        cdef const char* end = p + PyBytes_GET_SIZE(data)
        cdef PyObject* payload = NULL
        cdef char* start = NULL
        cdef char* out = NULL
        cdef Py_ssize_t size, left
        cdef const char* q
        cdef int state = self._state
        cdef unsigned char c
        while p < end and not self.fault:
            if state == DATA:
                size = end - p
                if out == NULL:
                    out = start = room(&payload, size)
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
            if state == SIZE and self._digits == 0:
                # Most often a whole chunk is there, and its size is plain.
                left = 0
                q = p
                while q < end and q - p < 8:
                    c = <unsigned char>q[0]
                    if 48 <= c <= 57:
                        left = left * 16 + c - 48
                    elif 97 <= (c | 32) <= 102:
                        left = left * 16 + (c | 32) - 87
                    else:
                        break
                    q += 1
                if left and end - q >= left + 4 and q[0] == 13 and q[1] == 10 and q[left + 2] == 13 and q[left + 3] == 10:
                    if out == NULL:
                        if end - q == left + 4:  # the only one
                            return PyBytes_FromStringAndSize(q + 2, left)
                        out = start = room(&payload, end - p)
                    memcpy(out, q + 2, left)
                    out += left
                    p = q + 4 + left
                    continue
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
        return b"" if payload == NULL else cut(payload, out - start)
