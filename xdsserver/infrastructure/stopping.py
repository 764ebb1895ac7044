"""How an Envoy in a pod stops without a failed request: what runs in its container before it is told to end.

It asks its clients to leave (the answer to each request says so), serves on until nobody is sent to it any more, and
ends when the last request has its answer. Perl is what every image of Envoy but the distroless ones has to talk to a
Unix socket, and Envoy's admin interface is nowhere else.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

SERVE_ON_S: Final = 25
"""Longer than a change of leader takes (17 s), so that a Service that is late sends nobody to a pod that is gone."""

FINISHING_S: Final = 3
"""Left of the grace period when what is still under way is cut off: for the end itself."""

_STATS: Final = "/stats?filter=" + quote(r"^(http|listener)\..*\.downstream_(cx|rq)_active$")

SCRIPT: Final = r"""# Usage: stop.pl SOCKET SERVE_ON_S DEADLINE_S
# Asks clients to leave, serves on for so long, and then until the last request has its answer or the time is up.
use strict;
use IO::Socket::UNIX;

my ($path, $serve_on, $deadline) = @ARGV;
my $started = time;

sub ask {
    my ($method, $target) = @_;
    my $socket = IO::Socket::UNIX->new(Peer => $path, Timeout => 5) or return '';
    print $socket "$method $target HTTP/1.1\r\nhost: envoy\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    local $/;
    return <$socket> // '';
}

# Requests, and connections that are no HTTP. Idle connections lose nothing when they are closed.
sub under_way {
    my ($requests, $http, $connections) = (0, 0, 0);
    for (split /\n/, ask('GET', 'STATS')) {
        next if /\.worker_/ or not /^(http|listener)\.(.+)\.downstream_(cx|rq)_active: (\d+)/;
        my ($kind, $name, $what, $count) = ($1, $2, $3, $4);
        next if $name =~ /^(admin|probes)(\.|$)/;
        if ($kind eq 'listener') { $connections += $count if $what eq 'cx' }
        elsif ($what eq 'rq') { $requests += $count }
        else { $http += $count }
    }
    return $requests + ($connections > $http ? $connections - $http : 0);
}

# An Envoy that is gone must not keep the pod: without an answer nothing is under way.
ask('POST', '/healthcheck/fail');
sleep 1 while time - $started < $serve_on;
select undef, undef, undef, 0.2 while time - $started < $deadline and under_way();
""".replace("STATS", _STATS)
