"""Run the measurements whose figures begin with a prefix: `python -m bench [prefix]`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from bench import (
    blocking,
    changes,
    cluster,
    counts,
    decoding,
    explaining,
    failures,
    fanout,
    https,
    inspecting,
    proxying,
    saving,
    sizes,
    watches,
)
from bench.figure import table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bench.figure import Figure

# Which figures a measurement gives, so that a prefix runs no more than it needs. Quick and exact ones come first.
_MEASUREMENTS: tuple[tuple[tuple[str, ...], Callable[[], Iterator[Figure]]], ...] = (
    (("derivations_per_change", "rows_per_change", "bytes_per_change"), counts.figures),
    (("decode_us",), decoding.figures),
    (("explain_ms",), explaining.figures),
    (
        (
            "change_to_answer_ms",
            "change_ratio_to_handwritten",
            "own_share_ms",
            "cpu_ms_per_change",
            "sent_bytes_per_change",
            "cold_start_s",
            "growth",
        ),
        changes.figures,
    ),
    (("loop_blocked_ms",), blocking.figures),
    (("file_to_answer_ms",), saving.figures),
    (("admin_page_ms", "admin_dump_s", "admin_dump_wait_ms"), inspecting.figures),
    (
        (
            "https_listener_change_ms",
            "https_listener_change_ratio_to_handwritten",
            "https_listener_change_bytes",
        ),
        https.figures,
    ),
    (("generated_vs_handwritten",), proxying.figures),
    (
        ("full_sync_s", "kib_per_stream", "fanout_ms", "fanout_cpu_ms_per_stream", "stalled_reader_ratio"),
        fanout.figures,
    ),
    (("failed_requests", "torn_answers"), failures.figures),
    (
        (
            "gateway_ready_s",
            "server_rss_mib",
            "live_change_ms",
            "slice_to_answer_ms",
            "attached_right_s",
            "status_writes",
        ),
        cluster.figures,
    ),
    (
        (
            "watch_to_answer_ms",
            "watch_to_written_ms",
            "watch_to_answer_ratio",
            "watch_to_answer_growth",
            "watch_to_answer_wrong",
        ),
        watches.figures,
    ),
    (("server_rss_mib",), sizes.figures),
)


def main() -> int:
    """Measure, print a line as soon as a figure is there, then the table; the exit code says whether anything ran."""
    prefix = sys.argv[1] if len(sys.argv) > 1 else ""
    found = []
    for names, figures in _MEASUREMENTS:
        if not any(name.startswith(prefix) for name in names):
            continue
        for figure in figures():
            if figure.name.startswith(prefix):
                print(figure.line(), flush=True)
                found.append(figure)
    if not found:
        print(f"no figure begins with {prefix!r}", file=sys.stderr)
        return 2
    print()
    print(table(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
