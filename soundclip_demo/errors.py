"""The one exception whose text reaches a visitor."""


class UserError(Exception):
    """Something the visitor caused or can mend.

    Attributes:
        message: one plain sentence that says what is wrong.
        hint: one plain sentence that says what to do about it (may be empty).
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()
