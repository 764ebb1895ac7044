"""The S3 profile: what listeners for S3 do other than the edge, with what it means for clients, and why.

A client of S3 signs the path and the Host that it sends, and the server computes the signature again over those that it
receives; names of objects are any text, and paths are made of them. So nothing of a request may be cleaned on the way.
"""

from __future__ import annotations

from xdsserver.translation.edge import CONNECTION_MANAGER, Default

CHANGES: tuple[Default, ...] = (
    Default(
        field="normalize_path",
        value=False,
        means="`/bucket/../x` and `/bucket/%61` reach the backend as they are",
        why="`..` and `.` may be parts of a key, and the signature is over the path as it was sent",
    ),
    Default(
        field="merge_slashes",
        value=False,
        means="`/bucket/a//b` stays so",
        why="`a//b` and `a/b` are two objects",
    ),
    Default(
        field="path_with_escaped_slashes_action",
        value="KEEP_UNCHANGED",
        means="`/bucket/a%2Fb` stays so",
        why="clients differ in whether they escape the slashes of a key, and sign what they have written",
    ),
    Default(
        field="common_http_protocol_options.headers_with_underscores_action",
        value="ALLOW",
        means="a header with an underscore in its name passes",
        why="metadata of users are headers: `x-amz-meta-first_name`",
    ),
    Default(
        field="strip_trailing_host_dot",
        value=False,
        means="`example.com.` is a host of its own, which no listener has: 404",
        why="Host is signed; without its dot the signature would be wrong, which is harder to find",
    ),
    Default(
        field="proxy_100_continue",
        value=True,
        means="`Expect: 100-continue` is passed on, and it is the backend that lets the body come",
        why="who may not write, or must ask elsewhere, is told so before gigabytes are under way",
    ),
    Default(
        field="stream_idle_timeout",
        value="3600s",
        means="a request on which nothing moves for 1 h is ended; there is no other limit of time",
        why="a server may put a large object together from its parts for longer than 5 min, and is silent meanwhile",
    ),
    Default(
        field="http2_protocol_options.initial_stream_window_size",
        value=1_048_576,
        means="1 MiB of a body under way without our leave, for each HTTP/2 stream",
        why="bodies are large, and over long distances the window is what their speed goes by",
    ),
    Default(
        field="http2_protocol_options.initial_connection_window_size",
        value=4_194_304,
        means="4 MiB for each HTTP/2 connection",
        why="enough for several bodies at full speed",
    ),
)
"""Fields of HttpConnectionManager that differ."""

_CHANGED = {one.field for one in CHANGES}

S3: tuple[Default, ...] = (*(one for one in CONNECTION_MANAGER if one.field not in _CHANGED), *CHANGES)
"""All fields of HttpConnectionManager."""
