"""Everything that can go wrong through no fault of the code: each error names fault and remedy."""


class ConvcliError(Exception):
    """Base of every error that a user, a file or a machine can cause."""


class ShapeError(ConvcliError, ValueError):
    """Sizes, channel counts or parameters of a convolution that do not fit together."""


class FilterError(ConvcliError, ValueError):
    """A filter that cannot be found, read or used."""


class ImageError(ConvcliError, ValueError):
    """A picture that cannot be read, held in the wanted format, or written."""


class ExistsError(ImageError):
    """A result whose file exists already, and was not to be replaced."""


class PlanError(ConvcliError, ValueError):
    """A request that is wrong as a whole, found out before anything is touched."""


class ImageWarning(UserWarning):
    """Something of a picture that its result does not keep."""
