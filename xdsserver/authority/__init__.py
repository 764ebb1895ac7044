"""Our own certificate authority: who signs now, who is trusted, and what is handed to servers and Envoys.

Belongs here: making and signing certificates, the phases of a rotation, keeping the authority's key, the files that an
Envoy reads its certificate from. Time is an argument, so that ten years of rotations are a test of a moment.

Does not belong here: certificates of users (those of listeners come from Secrets), sockets and handshakes (`server`),
and which fleet an identity may read (`xds.identity`).

    ┌─ introduced ─── 90 days ──► signs ───── its successor signs ── 90 days ──► dropped
    └───────────────────────────── trusted ──────────────────────────────────┘

Errors that leave this package:

* AuthorityError: the key of the authority cannot be read, kept or understood
"""

from xdsserver.authority.certificates import KeyPair, issue_client, issue_replica, issue_server, make_authority
from xdsserver.authority.errors import AuthorityError
from xdsserver.authority.phases import LONGEST_LIFE, Standing, renewed, standing
from xdsserver.authority.store import Authorities, AuthorityStore, FolderStore, MemoryStore, kept_up

__all__ = [
    "LONGEST_LIFE",
    "Authorities",
    "AuthorityError",
    "AuthorityStore",
    "FolderStore",
    "KeyPair",
    "MemoryStore",
    "Standing",
    "issue_client",
    "issue_replica",
    "issue_server",
    "kept_up",
    "make_authority",
    "renewed",
    "standing",
]
