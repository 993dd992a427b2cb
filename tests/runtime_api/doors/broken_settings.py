"""A door whose settings cannot be used."""

from lambda_responses.runtime.settings import SettingsError


class Door:
    def opened(self) -> None:
        raise SettingsError("RESPONSES_STORE cannot be used: there is no such place.")


lambda_handler = Door()
