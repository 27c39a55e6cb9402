import re

import pytest

from bellglass.server.settings import Settings, SettingsError, known_settings

TOKEN = "example-of-a-secret-token-0123456789"


def test_environment_without_our_variables_gives_the_defaults() -> None:
    assert Settings.from_environ({"PATH": "/bin", "HOME": "/root"}) == Settings()


def test_one_variable_is_one_field() -> None:
    settings = Settings.from_environ(
        {"BELLGLASS_MAX_SESSIONS": "3", "BELLGLASS_HTTP_HOSTS": "a, b:80"}
    )

    assert settings.max_sessions == 3
    assert settings.http_hosts == ("a", "b:80")


def test_flags_go_over_the_environment() -> None:
    settings = Settings.from_environ({"BELLGLASS_SANDBOX": "docker"}, {"sandbox": "embedded"})

    assert settings.sandbox == "embedded"


def test_empty_variable_is_not_set() -> None:
    assert Settings.from_environ({"BELLGLASS_PYTHON": ""}) == Settings()


def test_misspelt_variable_stops_the_start_and_says_which_was_meant() -> None:
    with pytest.raises(SettingsError, match=r"BELLGLASS_MAX_SESSIONS\?$"):
        Settings.from_environ({"BELLGLASS_MAX_SESION": "3"})


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("BELLGLASS_MAX_SESSIONS", "many"),
        ("BELLGLASS_MAX_SESSIONS", "0"),
        ("BELLGLASS_SESSION_IDLE_SECONDS", "-1"),
        ("BELLGLASS_SESSION_IDLE_SECONDS", "nan"),
        ("BELLGLASS_TIMEOUT_SECONDS", "301"),
        ("BELLGLASS_SESSION_SCOPE", "implicit"),
        ("BELLGLASS_ERRORS_AS_TOOL_ERRORS", "perhaps"),
    ],
)
def test_wrong_value_is_one_line_that_names_variable_and_value(variable: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environ({variable: value})

    assert variable in str(caught.value)
    assert value in str(caught.value)
    assert "\n" not in str(caught.value)


def test_groups_of_tools_are_read_in_any_case_and_order() -> None:
    assert Settings.from_environ({"BELLGLASS_TOOLS": "Files, core"}).tools == ("files", "core")


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ("core,file", "should name groups of tools: is 'files' meant?"),
        ("x", "there are: core, files, sessions, background"),
    ],
)
def test_an_unknown_group_of_tools_stops_the_start_with_the_near_name(
    given: str, hint: str
) -> None:
    with pytest.raises(SettingsError, match=re.escape(hint)) as caught:
        Settings.from_environ({"BELLGLASS_TOOLS": given})

    assert "BELLGLASS_TOOLS" in str(caught.value)


def test_token_is_never_shown() -> None:
    settings = Settings.from_environ({"BELLGLASS_HTTP_TOKEN": TOKEN})

    assert TOKEN not in repr(settings)
    assert TOKEN not in settings.model_dump_json()


def test_what_may_be_secret_has_no_flag() -> None:
    secret = {setting.name for setting in known_settings().values() if setting.is_secret}

    assert secret == {"http_token", "e2b_headers", "package_index"}


def test_every_setting_is_described() -> None:
    texts = [setting.info.description or "" for setting in known_settings().values()]

    assert all(text.endswith((".", "`).")) for text in texts)


def test_limits_follow_the_settings() -> None:
    limits = Settings.from_environ(
        {"BELLGLASS_MEMORY_MB": "256", "BELLGLASS_DISK_MB": "10"}
    ).limits()

    assert limits.memory_bytes == 256 * 1024**2
    assert limits.disk_bytes == limits.file_bytes == 10 * 1024**2


@pytest.mark.parametrize(
    ("chosen", "hint"), [("dcoker", "Did you mean docker?"), ("zzz", "Installed: ")]
)
def test_backend_that_is_not_installed_stops_the_start(chosen: str, hint: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(hint)):
        Settings.from_environ({"BELLGLASS_SANDBOX": chosen})
