"""Walks over JSON that has come before with other values, by what stays the same in it.

Strategy: what one client asks, and what one server answers, has the same members in the same order each time. So the
walk over a body is remembered as its text with holes where the values are that change: numbers, long texts, the
messages of a conversation, and whatever else was seen to differ. A body whose fixed text is the same, and whose holes
are filled with values of their kind, is one over which the same walk would go; it is compared, not walked. Where one
byte differs it is walked, and the two together make a wider shape, or a new one.

Rules: a hole is read by what reads it in a walk, so that nothing is taken that a walk would refuse. Few shapes are
known at a time, none of a long body; where hardly any comes again, one is learned no more than now and then.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.list cimport PyList_GET_SIZE
from cpython.unicode cimport PyUnicode_AsUTF8AndSize, PyUnicode_DecodeUTF8
from libc.string cimport memcmp, memset

from ollamux.streaming._json cimport (
    NUMBER, TEXT, TURNS, VALUE, Row, Span, number_end, quote_end, spaces, turns_end, value_end, walk,
)
from ollamux.streaming._scan cimport fill, same

cdef unsigned char KINDS[256]
fill(KINDS)

cdef enum:
    MOST = 8  # shapes that are known of one kind of body
    TOKENS = 96  # values in a body that has a shape
    HOLES = 40
    MARKS = 40
    LONGEST = 8192  # bytes of such a body when its shape is learned
    WORD = 24  # bytes of a text that is taken for a word, which stays the same until another one comes
    LESSON = 16  # how many readings a lesson costs
    CREDIT = 128

cdef struct Token:
    # A value: where it stands, a text without its quotes; what it is; the row whose value it is, or -1; whether it is
    # another one each time.
    Py_ssize_t start
    Py_ssize_t end
    int kind
    int row
    bint loose

cdef struct Hole:
    # The fixed text in front of a value, the value's kind, and its row.
    const char* fixed
    Py_ssize_t size
    int kind
    int row

cdef struct Mark:
    # A row whose value begins and ends in fixed text: behind how many holes, and how far from there.
    int row
    int first
    int last
    Py_ssize_t start
    Py_ssize_t end
    bint null


cdef class Shape:
    """The walk over one body, as one over others like it: its values, and, as long as it is known, its holes, of which
    the last has only a text in front of it."""

    cdef bytes body
    cdef int tokens, count, marked
    cdef Token token[TOKENS]
    cdef Hole hole[HOLES]
    cdef Mark mark[MARKS]

    cdef bint match(self, const char* p, const char* end, Span* spans) noexcept:
        """Whether the body at p has this shape; then the values are in `spans`."""
        cdef const char* at[HOLES]
        cdef const unsigned char* start
        cdef const unsigned char* stop
        cdef const Hole* hole = self.hole
        cdef const Hole* last = hole + self.count
        cdef const Mark* mark = self.mark
        cdef const Mark* behind = mark + self.marked
        cdef const char** reached = at
        while True:
            if end - p < hole.size or not same(p, hole.fixed, hole.size):
                return False
            reached[0] = p
            p += hole.size
            if hole == last:
                break
            start = <const unsigned char*>p
            if hole.kind == TEXT:
                stop = quote_end(start, KINDS)
            elif hole.kind == NUMBER:
                stop = number_end(start)
            elif hole.kind == TURNS:
                stop = turns_end(start, KINDS)
            else:
                stop = value_end(start, KINDS)
            if stop == NULL:
                return False
            if hole.row >= 0:
                spans[hole.row].start = start
                spans[hole.row].end = stop
            p = <const char*>stop
            hole += 1
            reached += 1
        if p != end:
            return False
        while mark < behind:
            if not mark.null:
                spans[mark.row].start = <const unsigned char*>at[mark.first] + mark.start
            spans[mark.row].end = <const unsigned char*>at[mark.last] + mark.end
            mark += 1
        return True

    cdef bint cut(self, bytes body, const Row* rows, int count, const Span* spans) noexcept:
        """Find the values in a body that was walked over. False where there are too many."""
        cdef const unsigned char* begin = <const unsigned char*>PyBytes_AS_STRING(body)
        cdef const unsigned char* end = begin + PyBytes_GET_SIZE(body)
        cdef const unsigned char* p = begin
        cdef const unsigned char* stop
        cdef Token* token = self.token
        cdef int row
        cdef bint value
        self.body = body
        while p < end:
            value = True
            if p[0] == 34:
                p += 1
                stop = quote_end(p, KINDS)
                value = spaces(stop + 1)[0] != 58  # a key stays the same
                token.kind = TEXT
            elif p[0] == 45 or 48 <= p[0] <= 57:
                stop = number_end(p)
                token.kind = NUMBER
            else:
                stop = NULL
                for row in range(count):
                    if spans[row].start == p and (rows[row].kind == TURNS or rows[row].kind == VALUE):
                        token.kind = rows[row].kind
                        stop = spans[row].end
                if stop == NULL:
                    p += 1
                    continue
            if value:
                token.start = p - begin
                token.end = stop - begin
                token.loose = token.kind != TEXT or stop - p > WORD
                token.row = -1
                for row in range(count):
                    if spans[row].start == p and spans[row].end == stop:
                        token.row = row
                token += 1
                if token == self.token + TOKENS:
                    return False
            p = stop + (p > begin and (p - 1)[0] == 34)
        self.tokens = token - self.token
        return True

    cdef bint widen(self, Shape other) noexcept:
        """Whether the other one is of the same values in another body; then what differs in the two changes."""
        cdef const char* mine = PyBytes_AS_STRING(self.body)
        cdef const char* theirs = PyBytes_AS_STRING(other.body)
        cdef Py_ssize_t size, at = 0, there = 0
        cdef int i
        if self.tokens != other.tokens:
            return False
        for i in range(self.tokens + 1):
            size = (self.token[i].start if i < self.tokens else PyBytes_GET_SIZE(self.body)) - at
            if (other.token[i].start if i < self.tokens else PyBytes_GET_SIZE(other.body)) - there != size:
                return False
            if memcmp(mine + at, theirs + there, size) != 0:
                return False
            if i == self.tokens:
                break
            if self.token[i].kind != other.token[i].kind or self.token[i].row != other.token[i].row:
                return False
            at = self.token[i].end
            there = other.token[i].end
        for i in range(self.tokens):
            size = self.token[i].end - self.token[i].start
            if other.token[i].loose or other.token[i].end - other.token[i].start != size or memcmp(
                mine + self.token[i].start, theirs + other.token[i].start, size
            ) != 0:
                self.token[i].loose = True
        return True

    cdef bint join(self, int count, const Span* spans) noexcept:
        """Join what stays the same to the fixed text around it. False where too much is left."""
        cdef const char* begin = PyBytes_AS_STRING(self.body)
        cdef Py_ssize_t at = 0
        cdef Hole* hole = self.hole
        cdef int i, row
        for i in range(self.tokens):
            if not self.token[i].loose:
                continue
            hole.fixed = begin + at
            hole.size = self.token[i].start - at
            hole.kind = self.token[i].kind
            hole.row = self.token[i].row
            at = self.token[i].end
            hole += 1
            if hole == self.hole + HOLES:
                return False
        hole.fixed = begin + at
        hole.size = PyBytes_GET_SIZE(self.body) - at
        self.count = hole - self.hole
        self.marked = 0
        for row in range(count):
            if spans[row].end == NULL or self._holds(row):
                continue
            if self.marked == MARKS:
                return False
            self._set(row, &spans[row])
        return True

    cdef bint _holds(self, int row) noexcept:
        cdef int i
        for i in range(self.count):
            if self.hole[i].row == row:
                return True
        return False

    cdef void _set(self, int row, const Span* span) noexcept:
        """Mark where a row's value is, which is in no hole."""
        cdef Mark* mark = &self.mark[self.marked]
        cdef const char* start = <const char*>span.start
        cdef const char* end = <const char*>span.end
        cdef int i
        self.marked += 1
        mark.row = row
        mark.null = start == NULL
        mark.first = mark.last = mark.start = -1
        for i in range(self.count + 1):
            if mark.first < 0 and self.hole[i].fixed <= start <= self.hole[i].fixed + self.hole[i].size:
                mark.first = i
                mark.start = start - self.hole[i].fixed
            if self.hole[i].fixed <= end <= self.hole[i].fixed + self.hole[i].size:
                mark.last = i
                mark.end = end - self.hole[i].fixed


cdef class Shapes:
    """The shapes of one kind of body that are known, and the walk over one that has none of them."""

    cdef bint read(self, bytes body, Span* spans) except -1:
        """Whether the whole body is one that a walk goes over; then the values of the rows are in `spans`, as `walk`
        leaves them there."""
        cdef const char* start = PyBytes_AS_STRING(body)
        cdef const char* end = start + PyBytes_GET_SIZE(body)
        cdef const unsigned char* p
        cdef Shape shape
        memset(spans, 0, self._count * sizeof(Span))
        for shape in self._known:
            if shape.match(start, end, spans):
                if self._credit < CREDIT:
                    self._credit += 1
                return True
        memset(spans, 0, self._count * sizeof(Span))
        p = walk(spaces(<const unsigned char*>start), 0, self._rows, self._first, spans, KINDS, self._strict)
        if p == NULL or <const char*>spaces(p) != end:
            return False
        if self._credit < LESSON:
            self._credit += 1
        elif end - start <= LONGEST:
            self._credit -= LESSON
            self._learn(body, spans)
        return True

    cdef int _learn(self, bytes body, Span* spans) except -1:
        """Know this body's shape from now on; one that it makes wider is known no more."""
        cdef Shape made = Shape.__new__(Shape)
        cdef int place
        if not made.cut(body, self._rows, self._count, spans):
            return 0
        for place in range(<int>PyList_GET_SIZE(self._known)):
            if made.widen(<Shape>self._known[place]):
                del self._known[place]
                break
        if made.join(self._count, spans):
            if PyList_GET_SIZE(self._known) == MOST:
                del self._known[0]
            self._known.append(made)
        return 0


cdef Shapes shapes_of(const Row* rows, const int* first, int count, bint strict):
    """For bodies with these rows, so many, `first` of which are the beginnings of the levels. See `walk`."""
    cdef Shapes made = Shapes.__new__(Shapes)
    made._rows = rows
    made._first = first
    made._count = count
    made._strict = strict
    made._known = []
    made._credit = CREDIT
    return made


cdef enum:
    NAMES = 64
    LONGEST_NAME = 512

cdef list names = [""] * NAMES
cdef list pieces = [b""] * NAMES


cdef inline int _place(const unsigned char* text, Py_ssize_t size) noexcept:
    return (size + text[0] + 8 * text[size - 1]) & (NAMES - 1)


cdef str name_of(const unsigned char* text, Py_ssize_t size):
    """The name in this UTF-8, one byte at least: mostly the same object as before, so that its hash is known."""
    cdef int place = _place(text, size)
    cdef str found = <str>names[place]
    cdef Py_ssize_t known = 0
    cdef const char* told = PyUnicode_AsUTF8AndSize(found, &known)
    if known != size or memcmp(told, text, size) != 0:
        found = PyUnicode_DecodeUTF8(<const char*>text, size, NULL)
        if size <= LONGEST_NAME:
            names[place] = found
    return found


cdef bytes piece_of(const unsigned char* text, Py_ssize_t size):
    """The same for bytes."""
    cdef int place = _place(text, size)
    cdef bytes found = <bytes>pieces[place]
    if PyBytes_GET_SIZE(found) != size or memcmp(PyBytes_AS_STRING(found), text, size) != 0:
        found = PyBytes_FromStringAndSize(<const char*>text, size)
        if size <= LONGEST_NAME:
            pieces[place] = found
    return found
