# Compiled as it stands: the request path goes through it.
