import pytest

from consumer.choices import IdentifierType
from consumer.service.from_settings import directory_policy, policy_from, upload_policy
from consumer.settings import load_settings
from tests.unit.settings_builders import COMPLETE, problems_with

IDS = "LIVEINTENT_AUDIENCE_IDS"
STAR = {"LIVEINTENT_AUDIENCES": "*"}


@pytest.mark.parametrize(
    "text",
    [
        "vip_customers=900001, cart_abandoners = 17",
        "vip_customers=900001,,cart_abandoners=17,",
        '{"vip_customers": 900001, "cart_abandoners": 17}',
        ' {"vip_customers": "900001", "cart_abandoners": 17}',
    ],
)
def test_ids_are_pairs_between_commas_or_a_json_object(text: str) -> None:
    policy = directory_policy(load_settings(COMPLETE | {IDS: text}))

    assert policy.audience_ids == {"vip_customers": 900_001, "cart_abandoners": 17}


def test_without_ids_every_audience_is_looked_up_by_name() -> None:
    assert directory_policy(load_settings(COMPLETE)).audience_ids == {}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("vip_customers", "must be name=id between commas, or a JSON object; 'vip_customers' is neither."),
        ("vip_customers=x", "must have LiveIntent's numbers as ids; that of 'vip_customers' is none."),
        ("vip_customers=0", "must have LiveIntent's numbers as ids; that of 'vip_customers' is none."),
        (f"vip_customers={2**63}", "must have LiveIntent's numbers as ids; that of 'vip_customers' is none."),
        ('{"vip_customers": true}', "must have LiveIntent's numbers as ids; that of 'vip_customers' is none."),
        ('{"vip_customers": 1.5}', "must have LiveIntent's numbers as ids; that of 'vip_customers' is none."),
        ('{"vip_customers": 1', "begins like a JSON object, and is not one."),
        ("vip_customers=1,vip_customers=2", "gives several ids to 'vip_customers'."),
        ('{"vip_customers": 1, "vip_customers": 2}', "gives several ids to 'vip_customers'."),
        ("vip_customers=1,cart_abandoners=1", "gives one id to several audiences: 1."),
        ("vip customer!=1", "has names no audience can have: 'vip customer!'."),
        ("vip=1", "names audiences that are not in LIVEINTENT_AUDIENCES: 'vip'."),
    ],
)  # fmt: skip
def test_an_id_that_cannot_be_meant_is_refused_at_start(text: str, problem: str) -> None:
    assert problems_with({IDS: text}) == [f"{IDS} {problem}"]


def test_under_a_star_any_audience_may_have_an_id() -> None:
    policy = directory_policy(load_settings(COMPLETE | STAR | {IDS: "other=5"}))

    assert policy.audience_ids == {"other": 5}


def test_the_limit_of_names_is_a_setting_and_counts_the_prefix() -> None:
    environ = {"LIVEINTENT_AUDIENCE_NAME_PREFIX": "seg_", "LIVEINTENT_AUDIENCE_NAME_MAX": "17"}

    settings = load_settings(COMPLETE | environ | {"LIVEINTENT_AUDIENCES": "vip_customers,*"})

    assert (directory_policy(settings).name_max, policy_from(settings).name_max) == (17, 17)
    assert problems_with(environ) == [
        "LIVEINTENT_AUDIENCES has names that with LIVEINTENT_AUDIENCE_NAME_PREFIX are over 17 characters: "
        "'cart_abandoners'."
    ]


def test_a_name_over_the_limit_needs_no_prefix_to_be_refused() -> None:
    name = "j_o_" + 125 * "x"

    assert problems_with({"LIVEINTENT_AUDIENCES": name}) == [
        f"LIVEINTENT_AUDIENCES has names that are over 128 characters: '{name}'."
    ]


def test_what_liveintent_leaves_open_reaches_the_parts_it_is_for() -> None:
    settings = load_settings(
        COMPLETE
        | {
            "LIVEINTENT_AUDIENCE_RECHECK_SECONDS": "0",
            "LIVEINTENT_CREATE_SETTLE_SECONDS": "120",
            "LIVEINTENT_MAX_BYTES_PER_UPLOAD": "1000",
            "LIVEINTENT_AAID_CASE": "upper",
            "LIVEINTENT_IDENTIFIER_TYPES": "EMAIL_HASH, AAID",
            "UPLOAD_NAME_EXTENSION": ".csv",
            "MEMBERSHIP_REMOVE_OLD_EMAIL": "false",
        }
    )
    directory, uploads, policy = (
        directory_policy(settings),
        upload_policy(settings),
        policy_from(settings),
    )

    assert directory.recheck_seconds == 0
    assert list(directory.settle_waits_seconds) == [10, 30, 80]
    assert uploads.max_bytes_per_upload == 1000
    assert uploads.spelling.rows(["aB"], IdentifierType.AAID) == ["AB"]
    assert uploads.spelling.upload_name_extension == ".csv"
    assert policy.identifier_types == {IdentifierType.EMAIL_HASH, IdentifierType.AAID}
    assert not policy.removes_old_email


def test_the_defaults_are_those_of_the_parts() -> None:
    directory, uploads = (
        directory_policy(load_settings(COMPLETE)),
        upload_policy(load_settings(COMPLETE)),
    )

    assert list(directory.settle_waits_seconds) == [5, 15, 40]
    assert directory.recheck_seconds == 600
    assert uploads.spelling.rows(["aB"], IdentifierType.AAID) == ["ab"]
    assert uploads.spelling.rows(["aB"], IdentifierType.IDFA) == ["AB"]
    assert uploads.spelling.rows(["aB"], IdentifierType.EMAIL_HASH) == ["aB"]


def test_at_least_one_kind_of_identifier_is_sent() -> None:
    assert problems_with({"LIVEINTENT_IDENTIFIER_TYPES": ","}) == [
        "LIVEINTENT_IDENTIFIER_TYPES must name at least one of EMAIL_HASH, AAID, IDFA."
    ]
