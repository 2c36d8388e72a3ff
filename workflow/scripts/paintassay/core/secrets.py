"""Keep passwords and tokens that stand in addresses out of everything that is written."""

import logging
import re
from typing import Any

MASK = "***"
ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://[^\s\"'<>\\]+", re.IGNORECASE)
# user:password@ or token@ before the host. A password may hold what ends a host (/, ?, #): then the
# first colon is not followed by a port, and all up to the last @ is masked.
USER_INFO = re.compile(r"(?<=://)(?:[^/?#]*|[^/?#@:]*:(?!\d{1,5}(?:[/?#]|$)).*)@")
_NAME = (
    r"[\w.%-]{0,40}(?:sig|token|secret|key|passw|pwd|auth|cred|session|sas|ticket|jwt)[\w.%-]{0,40}"
)
_VALUE = r"[^\s&;#\"'<>\\]+"
# Values of the query or the fragment whose names speak of a secret; without the rest of the
# address, as some libraries name only the path in their errors, fewer signs can begin one.
IN_ADDRESS = re.compile(rf"([?&;#]{_NAME}=){_VALUE}", re.IGNORECASE)
ELSEWHERE = re.compile(rf"([?&]{_NAME}=){_VALUE}", re.IGNORECASE)


def mask(text: str) -> str:
    """Replace passwords and tokens in the addresses of a text by ``***``.

    Parameters
    ----------
    text : str
        An address, or any text with addresses in it.

    Returns
    -------
    str
        Such as ``https://***@host/image.tif?sig=***``.
    """
    if "://" in text:
        text = ADDRESS.sub(_mask_address, text)
    return ELSEWHERE.sub(rf"\g<1>{MASK}", text) if "=" in text else text


def _mask_address(match: re.Match[str]) -> str:
    address = USER_INFO.sub(f"{MASK}@", match[0])
    return IN_ADDRESS.sub(rf"\g<1>{MASK}", address)


def mask_all(value: Any) -> Any:
    """Mask every text in dictionaries and lists, as from JSON or YAML; keys, too."""
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, dict):
        return {mask_all(key): mask_all(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [mask_all(item) for item in value]
    return value


class MaskingFormatter(logging.Formatter):
    """Formats as logging does, tracebacks included, and masks the result."""

    def format(self, record: logging.LogRecord) -> str:
        """Format a record."""
        return mask(super().format(record))
