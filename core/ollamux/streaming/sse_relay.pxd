# Compiled as it stands: every stream that passes through goes through it.
