"""Walking over JSON that is plain, without building anything: C functions over pointers.

Rules: a `bytes` object ends with a NUL, which no value holds, so no end has to be given; NULL says that this is no JSON
or none of the plain sort (an odd escape, a byte that is no UTF-8, deeply nested), and somebody else must read it.
"""

from libc.string cimport memcmp

from ollamux.streaming._scan cimport ascii_end, text_end

cdef enum:
    DEEPEST = 16


cdef inline const unsigned char* spaces(const unsigned char* p) noexcept nogil:
    while p[0] <= 32 and (p[0] == 32 or p[0] == 10 or p[0] == 13 or p[0] == 9):  # mostly there is none
        p += 1
    return p


cdef inline const unsigned char* quote_end(const unsigned char* p, const unsigned char* kinds) noexcept nogil:
    """As `text_end`, which is not asked about what has nothing but ordinary ASCII in it."""
    p = ascii_end(p)
    return p if p[0] == 34 else text_end(p, kinds)


cdef inline const unsigned char* number_end(const unsigned char* p) noexcept nogil:
    """Behind the number at p."""
    if p[0] == 45:
        p += 1
    if p[0] == 48:
        p += 1
    elif 49 <= p[0] <= 57:
        while 48 <= p[0] <= 57:
            p += 1
    else:
        return NULL
    if p[0] == 46:
        p += 1
        if not 48 <= p[0] <= 57:
            return NULL
        while 48 <= p[0] <= 57:
            p += 1
    if p[0] | 32 == 101:
        p += 1
        if p[0] == 43 or p[0] == 45:
            p += 1
        if not 48 <= p[0] <= 57:
            return NULL
        while 48 <= p[0] <= 57:
            p += 1
    return p


cdef inline const unsigned char* word_end(const unsigned char* p) noexcept nogil:
    """Behind true, false or null."""
    if p[0] == 110 and p[1] == 117 and p[2] == 108 and p[3] == 108:
        return p + 4
    if p[0] == 116 and p[1] == 114 and p[2] == 117 and p[3] == 101:
        return p + 4
    if p[0] == 102 and p[1] == 97 and p[2] == 108 and p[3] == 115 and p[4] == 101:
        return p + 5
    return NULL


cdef inline const unsigned char* key_end(
    const unsigned char* p, const unsigned char* kinds, Py_ssize_t* size
) noexcept nogil:
    """At the value of the member whose key begins at p, a quote before its text of `size`."""
    cdef const unsigned char* key = p + 1
    if p[0] != 34:
        return NULL
    p = quote_end(key, kinds)
    if p == NULL:
        return NULL
    size[0] = p - key
    p = spaces(p + 1)
    if p[0] != 58:
        return NULL
    return spaces(p + 1)


cdef inline const unsigned char* value_end(const unsigned char* p, const unsigned char* kinds) noexcept nogil:
    """Behind the value at p. `kinds` is the class of every byte in a string, see `_scan.fill`."""
    cdef unsigned char closing[DEEPEST]
    cdef int depth = 0
    cdef Py_ssize_t size = 0
    while True:
        if p[0] == 34:
            p = quote_end(p + 1, kinds)
            if p == NULL:
                return NULL
            p += 1
        elif p[0] == 123 or p[0] == 91:
            if depth == DEEPEST:
                return NULL
            closing[depth] = p[0] + 2
            p = spaces(p + 1)
            if p[0] != closing[depth]:
                depth += 1
                if closing[depth - 1] == 93:
                    continue
                p = key_end(p, kinds, &size)
                if p == NULL:
                    return NULL
                continue
            p += 1
        elif p[0] == 45 or 48 <= p[0] <= 57:
            p = number_end(p)
            if p == NULL:
                return NULL
        else:
            p = word_end(p)
            if p == NULL:
                return NULL
        while True:
            if depth == 0:
                return p
            p = spaces(p)
            if p[0] != closing[depth - 1]:
                break
            depth -= 1
            p += 1
        if p[0] != 44:
            return NULL
        p = spaces(p + 1)
        if closing[depth - 1] == 125:
            p = key_end(p, kinds, &size)
            if p == NULL:
                return NULL


cdef inline bint _common(const unsigned char* role, Py_ssize_t size) noexcept nogil:
    """Whether every format has this role."""
    if size == 4:
        return memcmp(role, b"user", 4) == 0
    if size == 6:
        return memcmp(role, b"system", 6) == 0
    return size == 9 and memcmp(role, b"assistant", 9) == 0


cdef inline const unsigned char* turns_end(const unsigned char* p, const unsigned char* kinds) noexcept nogil:
    """Behind the array at p of messages, one at least, of a role that every format has and of a text, which is not
    empty, and of nothing else."""
    cdef const unsigned char* key
    cdef const unsigned char* end
    cdef Py_ssize_t size = 0
    cdef int seen
    if p[0] != 91:
        return NULL
    while p[0] != 93:
        p = spaces(p + 1)
        if p[0] != 123:
            return NULL
        seen = 0
        while p[0] != 125:
            p = spaces(p + 1)
            key = p + 1
            p = key_end(p, kinds, &size)
            if p == NULL or p[0] != 34:
                return NULL
            p += 1
            end = quote_end(p, kinds)
            if end == NULL:
                return NULL
            if size == 4 and not seen & 1 and memcmp(key, b"role", 4) == 0 and _common(p, end - p):
                seen |= 1
            elif size == 7 and not seen & 2 and memcmp(key, b"content", 7) == 0 and end != p:
                seen |= 2
            else:
                return NULL
            p = spaces(end + 1)
            if p[0] != 44 and p[0] != 125:
                return NULL
        if seen != 3:
            return NULL
        p = spaces(p + 1)
        if p[0] != 44 and p[0] != 93:
            return NULL
    return p + 1


cdef enum Kind:
    TEXT, COUNT, NUMBER, FLAG, NOTHING, NO_TEXT, NO_ITEMS, ANY, OBJECT, SINGLE, TURNS, VALUE


cdef struct Row:
    # A member of interest: its key, what its value has to be, and, of an object (or of the only object of an array,
    # SINGLE, which may be empty), the level of its own members. The rows of a level stand together, best in the order in
    # which members mostly come. TURNS are messages as `turns_end` has them; VALUE is ANY that is other each time.
    const char* key
    Py_ssize_t size
    int kind
    int inner


cdef struct Span:
    # The value of a member; NULL where it was not there, or null, which has an end.
    const unsigned char* start
    const unsigned char* end


cdef inline bint _is_key(const Row* row, const unsigned char* key, Py_ssize_t size) noexcept nogil:
    return (
        row.size == size
        and <unsigned char>row.key[size - 1] == key[size - 1]
        and <unsigned char>row.key[0] == key[0]
        and memcmp(row.key, key, size) == 0
    )


cdef inline const unsigned char* walk(
    const unsigned char* p, int level, const Row* rows, const int* first, Span* spans, const unsigned char* kinds, bint strict
) noexcept nogil:
    """Behind the object at p. The values of the members that `rows` names are in `spans`, row by row; a text without its
    quotes. Level n begins at row `first[n]`. NULL where one comes twice or is of another kind than its row says, and, if `strict`, where there is a
    member that no row names."""
    cdef const unsigned char* key
    cdef const unsigned char* start
    cdef Py_ssize_t size = 0
    cdef int kind, begin = first[level], end = first[level + 1], i = begin, next = begin
    if p[0] != 123:
        return NULL
    p = spaces(p + 1)
    if p[0] == 125:
        return p + 1
    while True:
        key = p + 1
        p = key_end(p, kinds, &size)
        if p == NULL:
            return NULL
        i = next
        if i == end or not _is_key(&rows[i], key, size):
            i = begin
            while i < end and not _is_key(&rows[i], key, size):
                i += 1
        if i < end:
            next = i + 1
        start = p
        if i == end:
            if strict:
                return NULL
            p = value_end(p, kinds)
        elif spans[i].start != NULL:
            return NULL
        elif p[0] == 110:
            p = word_end(p)
            spans[i].end = p
        else:
            kind = rows[i].kind
            if kind == TEXT:
                p = quote_end(p + 1, kinds) if p[0] == 34 else NULL
            elif kind == COUNT or kind == NUMBER:
                p = number_end(p)
            elif kind == FLAG:
                p = word_end(p)
            elif kind == ANY or kind == VALUE:
                p = value_end(p, kinds)
            elif kind == NO_TEXT:
                p = p + 2 if p[0] == 34 and p[1] == 34 else NULL
            elif kind == NO_ITEMS:
                p = p + 2 if p[0] == 91 and p[1] == 93 else NULL
            elif kind == NOTHING:
                p = NULL
            elif kind == TURNS:
                p = turns_end(p, kinds)
            elif kind == OBJECT:
                p = walk(p, rows[i].inner, rows, first, spans, kinds, strict)
            else:
                p = spaces(p + 1) if p[0] == 91 else NULL
                if p != NULL and p[0] != 93:
                    p = walk(p, rows[i].inner, rows, first, spans, kinds, strict)
                if p != NULL:
                    p = spaces(p)
                    p = p + 1 if p[0] == 93 else NULL
            if p != NULL:
                spans[i].start = start + (kind == TEXT)
                spans[i].end = p
                p += kind == TEXT
        if p == NULL:
            return NULL
        p = spaces(p)
        if p[0] == 125:
            return p + 1
        if p[0] != 44:
            return NULL
        p = spaces(p + 1)


cdef inline long long counted(Span span) noexcept nogil:
    """The whole number in a span; -1 where there is none, -2 where it is another number."""
    cdef long long found = 0
    cdef const unsigned char* p = span.start
    if p == NULL:
        return -1
    if span.end - p > 15:
        return -2
    while p < span.end:
        if not 48 <= p[0] <= 57:
            return -2
        found = found * 10 + (p[0] - 48)
        p += 1
    return found
