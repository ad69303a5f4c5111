"""Errors that tell a user what to change."""


class InputError(Exception):
    """What the user gave is not usable: the message says what was expected, found and where. Exit code 2."""
