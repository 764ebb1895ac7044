"""The gRPC shell around the xDS sessions: sockets, tasks and the clock.

Belongs here: listening, reading requests, writing responses, ending streams, and who may connect. Does not belong here:
what is answered, in which order and when (`xds` decides that, and can be replayed without a socket).

Errors that leave this package:

* ReviewError: whoever vouches for tokens cannot be asked (raised by reviewers; clients are told to try again)
* ServerError
  * BindRefusedError: the address is not one that plaintext may be served on
  * BindFailedError: the operating system did not give us the address
"""

from xdsserver.server.ads import XdsOptions, XdsServer
from xdsserver.server.bind import BindFailedError, BindRefusedError, ServerError

__all__ = ["BindFailedError", "BindRefusedError", "ServerError", "XdsOptions", "XdsServer"]
