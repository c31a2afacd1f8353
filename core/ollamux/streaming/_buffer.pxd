"""Bytes that grow: output that is put together piece by piece, without an allocation where it is small, and without a
copy where it is not."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.object cimport PyObject
from cpython.ref cimport Py_XDECREF
from libc.string cimport memcpy

cdef extern from "Python.h":
    PyObject* new_bytes "PyBytes_FromStringAndSize" (const char* data, Py_ssize_t size) except NULL
    int resize_bytes "_PyBytes_Resize" (PyObject** made, Py_ssize_t size) except -1

cdef enum:
    SMALL = 4096  # what needs no allocation of its own

cdef struct Output:
    char* data
    Py_ssize_t size
    Py_ssize_t room
    PyObject* made  # the bytes in which `data` stands, once it is no longer small
    char small[SMALL]


cdef inline char* room(PyObject** made, Py_ssize_t size) except NULL:
    """Bytes of this size that are yet to be written, and belong to whoever asked."""
    made[0] = new_bytes(NULL, size)
    return PyBytes_AS_STRING(<object>made[0])


cdef inline bytes cut(PyObject* made, Py_ssize_t size):
    """The first bytes of those that `room` gave, which are given up."""
    cdef bytes found
    resize_bytes(&made, size)
    found = <bytes>made
    Py_XDECREF(made)
    return found


cdef inline void begin(Output* out) noexcept:
    out.data = out.small
    out.size = 0
    out.room = SMALL
    out.made = NULL


cdef inline void release(Output* out) noexcept:
    Py_XDECREF(out.made)


cdef inline bytes taken(Output* out):
    """What was written; nothing more is."""
    cdef PyObject* made = out.made
    if made == NULL:
        return PyBytes_FromStringAndSize(out.small, out.size)
    out.made = NULL
    return cut(made, out.size)


cdef inline int reserve(Output* out, Py_ssize_t size) except -1:
    """Make room for this many bytes more."""
    cdef Py_ssize_t grown
    if out.size + size > out.room:
        grown = 2 * (out.size + size)
        if out.made == NULL:
            memcpy(room(&out.made, grown), out.small, out.size)
        else:
            resize_bytes(&out.made, grown)
        out.data = PyBytes_AS_STRING(<object>out.made)
        out.room = grown
    return 0


cdef inline int write(Output* out, const char* data, Py_ssize_t size) except -1:
    if size:
        reserve(out, size)
        memcpy(out.data + out.size, data, size)
        out.size += size
    return 0
