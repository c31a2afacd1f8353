"""Writes a vector as Ollama does: at length one, in the fewest digits that a float32 needs.

Strategy: the same steps as `gotext`, in the same order and rounded at the same places, but over C floats; digits are
told by integers as there. What is rare (a power of two below 1/1024, a number of one and more, one that is tiny) is
spelled by `gotext`; a vector with anything but floats in it, or with what JSON cannot hold, is left to it whole.

Rules: what is written here, `gotext` would write to the letter; a test compares the two.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_CheckExact
from cpython.list cimport PyList_GET_ITEM, PyList_GET_SIZE
from libc.math cimport fabs, signbit, sqrt
from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from ollamux.formats.ollama.gotext import float32_text

cdef object spell = float32_text

cdef enum:
    ROOM = 26  # bytes of the longest number, and the comma behind it

cdef extern from *:
    """
    static const char ollamux_pairs[] =
        "0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546474849"
        "5051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899";
    """
    const char ollamux_pairs[]
    const double ROUND "6755399441055744.0"  # 1.5 * 2**52: a sum with it has no fraction


cdef double SCALES[5]
SCALES[:] = [1e7, 1e8, 1e9, 1e10, 1e11]
"""By how many zeros follow the point: what makes seven digits whole."""


cdef bint _unit(float* numbers, Py_ssize_t size) noexcept nogil:
    """Brings a vector to length one. False where a number in it is not finite."""
    cdef float total = 0.0, square, factor
    cdef double length
    cdef Py_ssize_t i
    for i in range(size):
        # Products in double and casts between: so no compiler joins the two roundings into one.
        square = <float>(<double>numbers[i] * <double>numbers[i])
        if not square <= 3.4028234663852886e38 and not fabs(numbers[i]) <= 3.4028234663852886e38:
            return False
        total = <float>(<double>total + <double>square)
    length = sqrt(<double>total)
    factor = <float>(1.0 / (length if length > 1e-12 else 1e-12))
    for i in range(size):
        numbers[i] = <float>(<double>numbers[i] * <double>factor)
    return True


cdef inline char* _fraction(char* p, uint64_t whole, int width) noexcept nogil:
    """`whole` as so many digits behind a point, without the zeros at their end."""
    cdef char* end = p + width
    cdef char* at = end
    cdef uint32_t low, high
    if width > 8:
        low = <uint32_t>(whole % 100000000)
        high = <uint32_t>(whole // 100000000)
        while at - end > -8:
            at -= 2
            memcpy(at, ollamux_pairs + 2 * (low % 100), 2)
            low //= 100
    else:
        high = <uint32_t>whole
    while at - p > 1:
        at -= 2
        memcpy(at, ollamux_pairs + 2 * (high % 100), 2)
        high //= 100
    if at > p:
        p[0] = 48 + high
    while (end - 1)[0] == 48:
        end -= 1
    return end


cdef char* _rare(char* p, float number) except NULL:
    """Writes a float32 that has to be looked at more closely."""
    cdef bytes text = spell(<double>number).encode()
    memcpy(p, PyBytes_AS_STRING(text), len(text))
    return p + len(text)


cdef char* _number(char* p, float number) except NULL:
    """Writes a float32, which is finite. A product here is of 24 bits and a power of ten, and so exact."""
    cdef double size = fabs(<double>number)
    cdef double scale, room, whole
    cdef uint64_t bits, power
    cdef int zeros, width
    if size == 0.0:
        if signbit(number):
            p[0] = 45
            p += 1
        p[0] = 48
        return p + 1
    memcpy(&bits, &size, 8)
    if not 1e-5 <= size < 1.0 or (size < 0.001 and (size >= 0.0009765625 or bits << 12 == 0)):
        return _rare(p, number)
    if size >= 0.01:
        zeros = 0 if size >= 0.1 else 1
    elif size >= 0.0001:
        zeros = 2 if size >= 0.001 else 3
    else:
        zeros = 4
    # Half the distance between float32 neighbours: the power of two below, times 2**-24.
    power = (bits >> 52 << 52) - (<uint64_t>24 << 52)
    memcpy(&room, &power, 8)
    width = 7 + zeros
    scale = SCALES[zeros]
    whole = size * scale + ROUND - ROUND
    if fabs(whole - size * scale) >= room * scale:
        width += 1
        scale *= 10.0
        whole = size * scale + ROUND - ROUND
        if fabs(whole - size * scale) >= room * scale:
            if zeros == 4:
                return _rare(p, number)
            width += 1
            whole = size * (scale * 10.0) + ROUND - ROUND
    if number < 0.0:
        p[0] = 45
        p += 1
    p[0] = 48
    p[1] = 46
    return _fraction(p + 2, <uint64_t>whole, width)


def unit_text(list values, Py_ssize_t cut):
    """The vector at length one as a JSON array of float32; where it has more than `cut` numbers (0: any) the first of
    them, at length one again. None where `gotext` must look at it."""
    cdef Py_ssize_t size = PyList_GET_SIZE(values), i
    cdef object value
    cdef float* numbers
    cdef char* text
    cdef char* p
    if size == 0:
        return b"[]"
    numbers = <float*>malloc(size * (sizeof(float) + ROOM) + 2)
    if numbers == NULL:
        raise MemoryError
    try:
        for i in range(size):
            value = <object>PyList_GET_ITEM(values, i)
            if not PyFloat_CheckExact(value):
                return None
            numbers[i] = <float>PyFloat_AS_DOUBLE(value)
        if not _unit(numbers, size):
            return None
        if 0 < cut < size:
            size = cut
            if not _unit(numbers, size):
                return None
        text = <char*>(numbers + PyList_GET_SIZE(values))
        p = text
        for i in range(size):
            p[0] = 44
            p = _number(p + 1, numbers[i])
        text[0] = 91
        p[0] = 93
        return PyBytes_FromStringAndSize(text, p + 1 - text)
    finally:
        free(numbers)
