"""What can go wrong with the authority."""


class AuthorityError(Exception):
    """The key of the authority cannot be read, kept or understood; the message says where and what to do."""
