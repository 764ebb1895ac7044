"""Our own messages, compiled from `protos/` by `make messages`: what is written to be read by another process.

Belongs here: nothing but what the compiler makes. Does not belong here: what a message means (whoever writes and reads
it says that).
"""
