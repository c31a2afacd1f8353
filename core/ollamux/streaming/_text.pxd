"""The inside of JSON strings: where it ends, what it says, and how a renderer would spell it. C functions over pointers.

Rule: a `bytes` object ends with a NUL, which stops every scan. NULL says that this is no JSON, or text that some decoder
refuses: a control character, bytes that are no UTF-8, half a surrogate pair.
"""

from libc.string cimport memcpy

from ollamux.streaming._scan cimport BACKSLASH, LEAD, OTHER, QUOTE, fill, plain_end

cdef enum:
    ESCAPED = OTHER + 1  # a sign of HTML, which a target wants as an escape
    HTML = OTHER + 2  # the class of NUL, where a target wants that


cdef inline void fill_kinds(unsigned char* kinds, bint html) noexcept:
    fill(kinds)
    if html:
        kinds[0] = HTML
        kinds[60] = kinds[62] = kinds[38] = ESCAPED  # < > &


cdef inline int hex4(const unsigned char* p) noexcept nogil:
    """The number that four hex digits give, or -1."""
    cdef int i, found = 0
    cdef unsigned char byte
    for i in range(4):
        byte = p[i]
        if 48 <= byte <= 57:
            found = found * 16 + byte - 48
        elif 97 <= (byte | 32) <= 102:
            found = found * 16 + (byte | 32) - 87
        else:
            return -1
    return found


cdef inline const unsigned char* string_end(
    const unsigned char* p, const unsigned char* kinds, bint* odd
) noexcept nogil:
    """The quote that ends the string whose inside begins at p. `odd` is set where a renderer would spell it in another
    way."""
    cdef unsigned char kind, byte
    cdef bint html = kinds[0] == HTML
    cdef int code
    while True:
        p = plain_end(p, html)
        kind = kinds[p[0]]
        if kind == QUOTE:
            return p
        elif kind == BACKSLASH:
            byte = p[1]
            if byte == 110 or byte == 34 or byte == 92 or byte == 116 or byte == 114 or byte == 98 or byte == 102:
                p += 2  # n " \ t r b f
            elif byte == 47:  # /
                odd[0] = True
                p += 2
            elif byte == 117:  # u
                odd[0] = True
                code = hex4(p + 2)
                if code < 0 or 0xDC00 <= code <= 0xDFFF:
                    return NULL
                p += 6
                if 0xD800 <= code:
                    if code <= 0xDBFF:
                        if p[0] != 92 or p[1] != 117 or not 0xDC00 <= hex4(p + 2) <= 0xDFFF:
                            return NULL
                        p += 6
            else:
                return NULL
        elif kind == LEAD:
            byte = p[0]
            if byte < 0xE0:
                if (p[1] & 0xC0) != 0x80:
                    return NULL
                p += 2
            elif byte < 0xF0:
                if (p[1] & 0xC0) != 0x80 or (p[2] & 0xC0) != 0x80:
                    return NULL
                if (byte == 0xE0 and p[1] < 0xA0) or (byte == 0xED and p[1] > 0x9F):
                    return NULL
                if byte == 0xE2 and p[1] == 0x80 and (p[2] | 1) == 0xA9 and html:
                    odd[0] = True
                p += 3
            else:
                if (p[1] & 0xC0) != 0x80 or (p[2] & 0xC0) != 0x80 or (p[3] & 0xC0) != 0x80:
                    return NULL
                if (byte == 0xF0 and p[1] < 0x90) or (byte == 0xF4 and p[1] > 0x8F):
                    return NULL
                p += 4
        elif kind == ESCAPED:
            odd[0] = True
            p += 1
        else:
            return NULL


cdef inline int code_at(const unsigned char* p, int* size) noexcept nogil:
    """The character of the escape at p, and how long the escape is. It has been seen to be one."""
    cdef unsigned char byte = p[1]
    cdef int code
    size[0] = 2
    if byte == 117:
        size[0] = 6
        code = hex4(p + 2)
        if 0xD800 <= code <= 0xDBFF:
            size[0] = 12
            code = 0x10000 + ((code - 0xD800) << 10) + hex4(p + 8) - 0xDC00
        return code
    if byte == 110:
        return 10
    if byte == 116:
        return 9
    if byte == 114:
        return 13
    if byte == 98:
        return 8
    if byte == 102:
        return 12
    return byte


cdef inline int utf8(char* out, int code) noexcept nogil:
    if code < 0x80:
        out[0] = code
        return 1
    if code < 0x800:
        out[0] = 0xC0 | code >> 6
        out[1] = 0x80 | (code & 0x3F)
        return 2
    if code < 0x10000:
        out[0] = 0xE0 | code >> 12
        out[1] = 0x80 | (code >> 6 & 0x3F)
        out[2] = 0x80 | (code & 0x3F)
        return 3
    out[0] = 0xF0 | code >> 18
    out[1] = 0x80 | (code >> 12 & 0x3F)
    out[2] = 0x80 | (code >> 6 & 0x3F)
    out[3] = 0x80 | (code & 0x3F)
    return 4


cdef inline int escape(char* out, int code) noexcept nogil:
    cdef const char* signs = b"0123456789abcdef"
    memcpy(out, b"\\u00", 4)
    out[4] = signs[code >> 4]
    out[5] = signs[code & 15]
    return 6


cdef inline int spelled(char* out, int code, bint html) noexcept nogil:
    """A character as a renderer spells it."""
    cdef char short = 0
    if code == 34 or code == 92:
        short = code
    elif code == 10:
        short = 110
    elif code == 9:
        short = 116
    elif code == 13:
        short = 114
    elif code == 8:
        short = 98
    elif code == 12:
        short = 102
    if short:
        out[0] = 92
        out[1] = short
        return 2
    if code < 32 or (html and (code == 60 or code == 62 or code == 38)):
        return escape(out, code)
    if html and (code | 1) == 0x2029:
        memcpy(out, b"\\u2028" if code == 0x2028 else b"\\u2029", 6)
        return 6
    return utf8(out, code)


cdef inline Py_ssize_t respell(char* out, const unsigned char* p, const unsigned char* end, bint html) noexcept nogil:
    """The text from p to `end` as a renderer spells it; it takes up to six times the room."""
    cdef char* start = out
    cdef int size
    while p < end:
        if p[0] == 92:
            out += spelled(out, code_at(p, &size), html)
            p += size
        elif html and (p[0] == 60 or p[0] == 62 or p[0] == 38):
            out += escape(out, p[0])
            p += 1
        elif html and p[0] == 0xE2 and p[1] == 0x80 and (p[2] | 1) == 0xA9:
            out += spelled(out, 0x2000 | (p[2] & 0x3F), html)
            p += 3
        else:
            out[0] = p[0]
            out += 1
            p += 1
    return out - start


cdef inline Py_ssize_t unescape(char* out, const unsigned char* p, const unsigned char* end) noexcept nogil:
    """What the text from p to `end` says, in UTF-8; never longer than the text."""
    cdef char* start = out
    cdef int size
    while p < end:
        if p[0] == 92:
            out += utf8(out, code_at(p, &size))
            p += size
        else:
            out[0] = p[0]
            out += 1
            p += 1
    return out - start
