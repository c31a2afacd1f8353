"""The scanning and writing of bytes below the compiled converters: C functions over pointers, without allocation.

Rule: a `bytes` object ends with a NUL, which stops every scan of text and digits; only where events and lines are
looked for is an end given.
"""

from libc.string cimport memchr, memcpy

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>
    #if defined(__GNUC__) && defined(__SSE2__)
    #include <emmintrin.h>
    #define OLLAMUX_STEP 16
    typedef unsigned ollamux_mask;
    static inline ollamux_mask ollamux_marks(const unsigned char *p, int html) {
        __m128i x = _mm_loadu_si128((const __m128i *)p); /* bytes from 0x80 are below zero */
        __m128i odd = _mm_or_si128(_mm_cmpeq_epi8(x, _mm_set1_epi8('"')), _mm_cmpeq_epi8(x, _mm_set1_epi8(92)));
        if (html) { /* of < and > no more than the second bit from below differs */
            odd = _mm_or_si128(odd, _mm_cmpeq_epi8(_mm_or_si128(x, _mm_set1_epi8(2)), _mm_set1_epi8('>')));
            odd = _mm_or_si128(odd, _mm_cmpeq_epi8(x, _mm_set1_epi8('&')));
        }
        return (unsigned)_mm_movemask_epi8(_mm_or_si128(odd, _mm_cmplt_epi8(x, _mm_set1_epi8(32))));
    }
    #define OLLAMUX_FIRST(m) __builtin_ctz(m)
    #elif defined(__GNUC__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    #define OLLAMUX_STEP 8
    typedef uint64_t ollamux_mask;
    static inline ollamux_mask ollamux_marks(const unsigned char *p, int html) {
        const uint64_t ones = 0x0101010101010101u;
        uint64_t x, odd; /* a borrow reaches only bytes above one that is marked rightly */
        memcpy(&x, p, 8);
        odd = x | (x - ones * 32) | ((x ^ ones * 34) - ones) | ((x ^ ones * 92) - ones);
        if (html) odd |= ((x ^ ones * 60) - ones) | ((x ^ ones * 62) - ones) | ((x ^ ones * 38) - ones);
        return odd & ones * 128;
    }
    #define OLLAMUX_FIRST(m) (__builtin_ctzll(m) >> 3)
    #endif
    static inline int ollamux_mark(unsigned char c, int html) {
        return c < 32 || c > 127 || c == '"' || c == 92 || (html && (c == '<' || c == '>' || c == '&'));
    }
    static inline const unsigned char *ollamux_end(const unsigned char *p, int html) {
    #ifdef OLLAMUX_STEP
        ollamux_mask marks;
        if (((uintptr_t)p & 4095) <= 4096 - OLLAMUX_STEP) {
            marks = ollamux_marks(p, html);
            if (marks) return p + OLLAMUX_FIRST(marks);
            p = (const unsigned char *)(((uintptr_t)p + OLLAMUX_STEP) & ~(uintptr_t)(OLLAMUX_STEP - 1));
        }
        for (; (uintptr_t)p & (OLLAMUX_STEP - 1); p++)
            if (ollamux_mark(*p, html)) return p;
        while (!(marks = ollamux_marks(p, html))) p += OLLAMUX_STEP;
        return p + OLLAMUX_FIRST(marks);
    #else
        while (!ollamux_mark(*p, html)) p++;
        return p;
    #endif
    }
    static inline const unsigned char *ollamux_ascii_end(const unsigned char *p) { return ollamux_end(p, 0); }
    """
    # The first byte from p that is no ASCII, a control character, a quote or a backslash. Steps of 16 or 8 bytes may
    # read past the end of a `bytes` object, but never into a page that it has no part of.
    const unsigned char* ascii_end "ollamux_ascii_end" (const unsigned char* p) noexcept nogil
    # The same, or a sign of HTML, if those are asked for.
    const unsigned char* plain_end "ollamux_end" (const unsigned char* p, bint html) noexcept nogil


cdef extern from *:
    """
    static inline int ollamux_same(const char *a, const char *b, Py_ssize_t size) {
        uint64_t x, y;
        if (size > 16) return memcmp(a, b, (size_t)size) == 0;
        if (size >= 8) {
            memcpy(&x, a, 8), memcpy(&y, b, 8);
            if (x != y) return 0;
            memcpy(&x, a + size - 8, 8), memcpy(&y, b + size - 8, 8);
            return x == y;
        }
        while (size-- > 0)
            if (a[size] != b[size]) return 0;
        return 1;
    }
    static inline const char *ollamux_digits_end(const char *p, const char *end) {
        const uint64_t high = 0xF0F0F0F0F0F0F0F0u;
        uint64_t x;
        if (end - p >= 8) {
            memcpy(&x, p, 8);
            if (((x & high) | (((x + 0x0606060606060606u) & high) >> 4)) == 0x3333333333333333u) p += 8;
        }
        while (*p >= '0' && *p <= '9') p++;
        return p;
    }
    """
    # Whether so many bytes are the same.
    bint same "ollamux_same" (const char* a, const char* b, Py_ssize_t size) noexcept nogil
    # Behind the digits at p, of which eight are looked at at a time.
    const char* digits_end "ollamux_digits_end" (const char* p, const char* end) noexcept nogil


cdef enum Byte:
    PLAIN, QUOTE, BACKSLASH, LEAD, OTHER


cdef inline void fill(unsigned char* kinds) noexcept:
    cdef int byte
    for byte in range(256):
        kinds[byte] = PLAIN if 0x20 <= byte < 0x80 else LEAD if 0xC2 <= byte <= 0xF4 else OTHER
    kinds[34] = QUOTE
    kinds[92] = BACKSLASH


cdef inline const unsigned char* text_end(const unsigned char* p, const unsigned char* kinds) noexcept nogil:
    """The quote that ends a string whose inside begins at p, or NULL where the text is not simple: where a renderer
    might spell it differently, or a decoder refuse it. `kinds` has every byte's class."""
    cdef unsigned char kind, byte
    while True:
        p = ascii_end(p)
        kind = kinds[p[0]]
        if kind == QUOTE:
            return p
        elif kind == BACKSLASH:
            byte = p[1]
            if byte == 110 or byte == 34 or byte == 92 or byte == 116 or byte == 114:  # n " \ t r
                p += 2
            elif byte == 47 or byte == 98 or byte == 102:  # / b f
                p += 2
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
                if byte == 0xE2 and p[1] == 0x80 and (p[2] == 0xA8 or p[2] == 0xA9):
                    return NULL
                p += 3
            else:
                if (p[1] & 0xC0) != 0x80 or (p[2] & 0xC0) != 0x80 or (p[3] & 0xC0) != 0x80:
                    return NULL
                if (byte == 0xF0 and p[1] < 0x90) or (byte == 0xF4 and p[1] > 0x8F):
                    return NULL
                p += 4
        else:
            return NULL


cdef inline const char* event_end(const char* p, const char* end, bint blank_line, bint crlf) noexcept nogil:
    """Where the event at p ends, or NULL."""
    while p < end:
        p = <const char*>memchr(p, 10, end - p)
        if p == NULL:
            return NULL
        p += 1
        if not blank_line:
            return p
        if crlf:
            if end - p >= 2 and p[0] == 13 and p[1] == 10:
                return p + 2
        elif p < end and p[0] == 10:
            return p + 1
    return NULL


cdef inline bint odd_lines(const char* p, const char* end, bint crlf) noexcept nogil:
    """Whether these lines end in another way than the first one did. A CR at the very end may still get its LF."""
    cdef const char* begin = p
    if not crlf:
        return memchr(p, 13, end - p) != NULL
    while p < end:
        if p[0] == 10 and (p == begin or (p - 1)[0] != 13):
            return True
        if p[0] == 13 and p + 1 < end and p[1] != 10:
            return True
        p += 1
    return False


cdef inline void digits(char* text, int count, long long number) noexcept nogil:
    while count:
        count -= 1
        text[count] = 48 + number % 10
        number //= 10


cdef inline Py_ssize_t stamp_text(double unix, char* text) noexcept nogil:
    """A moment from 1970 to 8300 as `Clock.stamp` writes it; its length. Years are counted from March here, so that
    the leap day is the last of its year."""
    cdef long long second = <long long>unix
    cdef long long days = second // 86400 + 719468
    cdef long long era = days // 146097
    cdef long long day = days - era * 146097
    cdef long long year = (day - day // 1460 + day // 36524 - day // 146096) // 365
    cdef long long month, micros
    cdef Py_ssize_t size = 19
    day -= 365 * year + year // 4 - year // 100
    month = (5 * day + 2) // 153
    day -= (153 * month + 2) // 5
    month += 3 if month < 10 else -9
    year += era * 400 + (month <= 2)
    memcpy(text, b"0000-00-00T00:00:00.", 20)
    digits(text, 4, year)
    digits(text + 5, 2, month)
    digits(text + 8, 2, day + 1)
    digits(text + 11, 2, second // 3600 % 24)
    digits(text + 14, 2, second // 60 % 60)
    digits(text + 17, 2, second % 60)
    micros = <long long>((unix - <double>second) * 1e6)
    if micros:
        digits(text + 20, 6, micros)
        size = 26
        while text[size - 1] == 48:
            size -= 1
    text[size] = 90
    return size + 1
