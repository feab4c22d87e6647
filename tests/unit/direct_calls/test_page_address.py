import pytest

from consumer.direct_calls.page_address import PageAddress, page_address


@pytest.mark.parametrize(
    "url",
    [
        "https://shop.example/p/1?c=2",
        "http://shop.example",
        "https://shop.example:8443/a/%C3%BC?b=&c&d=1#part",
        "https://müller.example/tee",
    ],
)
def test_an_address_without_an_email_stays_as_it_is(url: str) -> None:
    assert page_address(url) == PageAddress(url)


def test_a_parameter_with_an_email_is_cut_out_and_named() -> None:
    address = page_address("https://shop.example/p?a=1&mail=ada%40example.com&b=2")

    assert address == PageAddress("https://shop.example/p?a=1&b=2", removed_parameters=("mail",))


def test_a_path_with_an_email_is_cut_out_and_told() -> None:
    address = page_address("https://shop.example/u/ada@example.com/orders?a=1")

    assert address == PageAddress("https://shop.example/?a=1", path_removed=True)


def test_a_fragment_with_an_email_is_cut_out() -> None:
    assert page_address("https://shop.example/p#ada@example.com") == PageAddress(
        "https://shop.example/p"
    )


@pytest.mark.parametrize("name", ["ada@example.com", "a,b", "x" * 61, ""])
def test_a_parameter_whose_name_cannot_be_told_is_cut_out_in_silence(name: str) -> None:
    address = page_address(f"https://shop.example/p?{name}=ada@example.com")

    assert address == PageAddress("https://shop.example/p")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/p/1",
        "shop.example/p",
        "android-app://com.example",
        "file:///home/ada",
        "https://ada:secret@shop.example/p",
        "https://[::1",
        "https://",
    ],
)
def test_what_is_no_address_of_a_web_page_is_left_out(url: str) -> None:
    assert page_address(url) is None


def test_an_address_whose_parts_make_an_email_together_is_left_out() -> None:
    assert page_address("https://shop.example/p@q?a=b.c") is None


def test_a_long_address_loses_its_query_and_then_its_path() -> None:
    long = "x" * 2_000

    assert page_address(f"https://shop.example/p?q={long}#f") == PageAddress(
        "https://shop.example/p"
    )
    assert page_address(f"https://shop.example/{long}") == PageAddress(
        "https://shop.example/", path_removed=True
    )
    assert page_address(f"https://{long}.example/") is None


def test_an_address_does_not_print_itself() -> None:
    assert repr(page_address("https://shop.example/secret")) == "PageAddress(27 characters)"
