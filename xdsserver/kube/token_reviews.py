"""The API server as whom we ask about bearer tokens (TokenReview); nothing that is told of it holds the token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from xdsserver.kube.client import Body
from xdsserver.kube.errors import KubeError, StatusError
from xdsserver.xds.reviews import Review, ReviewError

if TYPE_CHECKING:
    from xdsserver.kube.client import KubeClient

_PATH: Final = "/apis/authentication.k8s.io/v1/tokenreviews"
_ACCOUNT: Final = "system:serviceaccount:"
_POD: Final = "authentication.kubernetes.io/pod-name"
"""What the API server says of a token that is bound to a pod (pkg/serviceaccount, PodNameKey)."""


class _User(msgspec.Struct):
    username: str = ""
    extra: dict[str, tuple[str, ...] | None] | None = None


class _Status(msgspec.Struct):
    authenticated: bool = False
    user: _User = msgspec.field(default_factory=_User)
    audiences: tuple[str, ...] | None = None


class _TokenReview(msgspec.Struct):
    status: _Status


class TokenReviews:
    """Asks an API server; whoever calls sets the time limit and remembers the answers."""

    def __init__(self, client: KubeClient) -> None:
        self._client = client

    async def review(self, token: str, audience: str) -> Review | None:
        """Return what the API server says of a token; None where it is not good, or not of a service account.

        Raises:
            ReviewError: it does not answer, or refuses to.
        """
        question = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": {"token": token, "audiences": [audience]},
        }
        try:
            answer = await self._client.post(_PATH, Body(msgspec.json.encode(question)))
            status = msgspec.json.decode(answer, type=_TokenReview).status
        except StatusError as error:
            # Its message may repeat what it refuses.
            message = f"the API server says {error.code} {error.reason}"
            raise ReviewError(message) from None
        except KubeError as error:
            raise ReviewError(str(error)) from error
        except (msgspec.DecodeError, UnicodeDecodeError):
            message = "the API server sent what is no TokenReview"
            raise ReviewError(message) from None
        account = status.user.username.removeprefix(_ACCOUNT)
        if not status.authenticated or account == status.user.username:
            return None
        pods = (status.user.extra or {}).get(_POD) or ()
        return Review(account.replace(":", "/", 1), frozenset(status.audiences or ()), pods[0] if pods else None)
