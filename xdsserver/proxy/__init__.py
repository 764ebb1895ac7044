"""A local Envoy: its bootstrap, its binary, its life, its admin interface.

Here belongs what a machine with one Envoy of ours needs: `bootstrap` says how Envoy finds us, `envoy` finds the binary,
`supervisor` keeps it alive and ends it, `admin` asks it questions. What Envoy is configured with does not belong here:
that comes over xDS, and nothing in this package knows a Gateway.

    Starting ──► Ready ──► Draining ──► Stopped
       ▲           │
       └─ Crashed ◄┘      Missing, while there is no binary to start
"""
