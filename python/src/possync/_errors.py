class Error(Exception):
    """What went wrong and what to do, in one line."""


class NotFound(Error):
    """There is no such thing."""


class Unavailable(Error):
    """The database, the service or its gateway is away; the same may work later."""
