"""Errors caused by users, files or the machine; each message says what is wrong and what to do."""


class ConvcliError(Exception):
    """Base class of the errors below."""


class ShapeError(ConvcliError, ValueError):
    """Sizes, channel counts or parameters of a convolution that do not fit together."""


class FilterError(ConvcliError, ValueError):
    """A filter that cannot be found, read or used."""


class ImageError(ConvcliError, ValueError):
    """A picture that cannot be read, held in the wanted format, or written."""


class ExistsError(ImageError):
    """The file of a result exists already, and replacing it was not allowed."""


class PlanError(ConvcliError, ValueError):
    """A batch that cannot run as requested, detected before any file is read or written."""


class ImageWarning(UserWarning):
    """The result does not keep something of the picture."""
