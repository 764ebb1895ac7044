"""What is owed to the cluster, as data: the difference between what we decided and what the API server has.

Belongs here: how a decided status is joined with the one that was read (others write there too), which write that
makes, whether any is owed at all, what objects that are ours alone need, and which Events are told. Does not belong
here: requests, retries and the order of writes (`xdsserver.kube`), and what a status says (`xdsserver.gatewayapi`);
statuses come in as documents, in the form of the API.

Nothing is ever noted as "to be done". What is owed follows from what is decided and what is there, so a crash between
two writes, a lost answer or a change of leader loses nothing: whoever looks next finds the same row.
"""

from xdsserver.effects.book import Book, Decision, Effect
from xdsserver.effects.objects import Amend, Amended, Apply, Delete, Intended, Kept, Removed, Taken
from xdsserver.effects.status import Decided, Observed, StatusWrite, owed_status

__all__ = [
    "Amend",
    "Amended",
    "Apply",
    "Book",
    "Decided",
    "Decision",
    "Delete",
    "Effect",
    "Intended",
    "Kept",
    "Observed",
    "Removed",
    "StatusWrite",
    "Taken",
    "owed_status",
]
