"""What several servers know together: each serves some of the Envoys of a fleet, and one decides for all of them.

Belongs here: what replicas tell each other as values and as bytes, what one has to say (`Witness`), and what the leader
makes of what it hears (`Tally`). The time is an argument, and so is who leads (`membership`).

Does not belong here: connections, certificates and tasks (`server`), finding out who leads and which replicas exist
(whoever runs the servers does that), and what one server knows of its own Envoys (`xds.receipts`).

    follower: Witness ──envoys, answers, rejections──► Tally :leader
                  ▲                                      │
                  └──────────── open, decided ───────────┘
"""

from xdsserver.replicas.statements import Answer, Envoy, Matter, State, Statement, Subject
from xdsserver.replicas.tally import Tally
from xdsserver.replicas.witness import Witness

__all__ = ["Answer", "Envoy", "Matter", "State", "Statement", "Subject", "Tally", "Witness"]
