# The types with which Cython compiles catalog.py; the source is that file alone.

cimport cython


cdef class Offer:
    cdef readonly str name, upstream, backend, digest, api
    cdef readonly double priority
    cdef readonly bint told, configured
    cdef readonly object info, capabilities, context_length, options, price, max_output
    cdef readonly tuple rank


cdef class Catalog:
    cdef readonly long version
    cdef object _key, _patterns
    cdef tuple _registered
    cdef bint _registered_only
    cdef dict _shelves, _aliases, _options, _inventories, _index, _expected, _asked, _spellings

    @cython.locals(found=tuple)
    cpdef tuple find(self, str name)
    cpdef str spelling(self, str asked, str upstream)
