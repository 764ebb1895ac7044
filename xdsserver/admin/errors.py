"""What can go wrong with the admin API, for its operator."""


class AdminError(Exception):
    """The admin API cannot be served; the message says why, and what would help."""
