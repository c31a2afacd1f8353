"""The catalog: names, priorities, the registry and what backends discovered."""

from __future__ import annotations

from typing import Any

from ollamux.models import Inventory, Loaded, ModelInfo
from ollamux.routing.catalog import Catalog, Registered, Shelf


def key(name: str) -> str:
    return name.strip().lower().removesuffix(":latest")


def catalog(*shelves: Shelf, registered: tuple[Registered, ...] = (), **options: Any) -> Catalog:
    return Catalog(shelves, registered, key=key, **options)


def stocked(*names: str) -> Inventory:
    return Inventory(models=tuple(ModelInfo(name=name) for name in names))


def test_a_discovered_model_is_found_with_and_without_its_tag_and_in_any_case() -> None:
    found = catalog(Shelf(backend="a", provider="ollama"))
    found.stock("a", stocked("Tiny:latest"))
    assert [offer.upstream for offer in found.find("tiny")] == ["Tiny:latest"]
    assert found.find(" TINY:latest ") == found.find("tiny")
    assert found.find("other") == ()


def test_of_several_backends_the_higher_priority_comes_first_and_equals_keep_their_order() -> None:
    found = catalog(
        Shelf(backend="low", provider="ollama", priority=10),
        Shelf(backend="first", provider="ollama"),
        Shelf(backend="second", provider="ollama"),
    )
    for backend in ("second", "low", "first"):
        found.stock(backend, stocked("m"))
    assert [offer.backend for offer in found.find("m")] == ["first", "second", "low"]


def test_a_registered_name_goes_to_the_backend_it_names_and_to_no_other() -> None:
    found = catalog(
        Shelf(backend="a", provider="ollama"),
        Shelf(backend="b", provider="vllm"),
        registered=(Registered(name="m", upstream="real", backend="b", capabilities=frozenset({"completion"})),),
    )
    found.stock("a", stocked("m"))
    (offer,) = found.find("m")
    assert (offer.backend, offer.upstream, offer.capabilities) == ("b", "real", frozenset({"completion"}))


def test_a_registered_name_may_name_a_provider_and_then_any_backend_of_it_serves() -> None:
    found = catalog(
        Shelf(backend="a", provider="vllm"),
        Shelf(backend="b", provider="vllm", priority=60),
        registered=(Registered(name="m", upstream="m", backend="vllm"),),
    )
    assert [offer.backend for offer in found.find("m")] == ["b", "a"]


def test_a_registered_name_without_a_backend_goes_where_its_upstream_model_is() -> None:
    found = catalog(
        Shelf(backend="a", provider="ollama"),
        Shelf(backend="b", provider="ollama"),
        registered=(Registered(name="short", upstream="very-long"),),
    )
    assert found.find("short") == ()
    found.stock("b", stocked("very-long"))
    assert [offer.backend for offer in found.find("short")] == ["b"]


def test_only_registered_names_are_served_where_that_is_asked_for() -> None:
    found = catalog(
        Shelf(backend="a", provider="ollama"),
        registered=(Registered(name="mine", upstream="m", backend="a"),),
        registered_only=True,
    )
    found.stock("a", stocked("m"))
    assert [offer.name for offer in found.offers()] == ["mine"]


def test_claims_filter_the_list_of_a_backend_that_has_one_and_are_the_list_of_one_that_has_none() -> None:
    listing = catalog(Shelf(backend="a", provider="vllm", claims=("x",)))
    listing.stock("a", stocked("x", "y"))
    assert [offer.name for offer in listing.offers()] == ["x"]
    silent = catalog(Shelf(backend="a", provider="vllm", claims=("x", "z")))
    silent.stock("a", Inventory())
    assert {offer.name for offer in silent.offers()} == {"x", "z"}


def test_a_prefix_stands_before_every_name_of_a_backend() -> None:
    found = catalog(Shelf(backend="a", provider="vllm", prefix="lab/"))
    found.stock("a", stocked("m"))
    assert found.find("m") == ()
    assert found.find("lab/m")[0].upstream == "m"


def test_a_model_with_a_title_is_found_under_both_names_and_listed_once() -> None:
    found = catalog(Shelf(backend="a", provider="llama_cpp"))
    found.stock("a", Inventory(models=(ModelInfo(name="/m/tiny.gguf", title="tiny"),)))
    assert found.find("/m/tiny.gguf")[0].upstream == found.find("tiny")[0].upstream == "/m/tiny.gguf"
    assert {offer.name for offer in found.offers()} == {"tiny"}


def test_an_alias_leads_to_its_target_and_a_real_model_of_that_name_wins() -> None:
    found = catalog(Shelf(backend="a", provider="ollama"), aliases={"fast": "m"})
    found.stock("a", stocked("m"))
    assert found.find("fast")[0].upstream == "m"
    found.stock("a", stocked("m", "fast"))
    assert found.find("fast")[0].upstream == "fast"


def test_options_of_the_model_win_over_those_of_its_backend_and_those_over_the_general_ones() -> None:
    found = catalog(
        Shelf(backend="a", provider="ollama", options={"temperature": 2, "top_k": 2}),
        registered=(Registered(name="m", upstream="m", backend="a", options={"temperature": 3}),),
        options={"temperature": 1, "top_k": 1, "seed": 1},
    )
    assert found.find("m")[0].options == {"temperature": 3, "top_k": 2, "seed": 1}


def test_digests_differ_between_names_and_change_with_settings() -> None:
    def digest(**settings: Any) -> str:
        registered = Registered(name="m", upstream="m", backend="a", **settings)
        return catalog(Shelf(backend="a", provider="ollama"), registered=(registered,)).find("m")[0].digest

    assert len(digest()) == 64
    assert digest() != digest(options={"seed": 1}) != digest(capabilities=frozenset({"tools"}))


def test_what_is_loaded_is_told_under_the_names_of_clients() -> None:
    found = catalog(Shelf(backend="a", provider="ollama", prefix="p-"))
    found.stock("a", Inventory(models=(ModelInfo(name="m"), ModelInfo(name="n")), loaded=(Loaded(name="n"),)))
    assert [(offer.name, entry.name) for offer, entry in found.loaded()] == [("p-n", "n")]
    assert [found.is_loaded(found.find(name)[0]) for name in ("p-m", "p-n")] == [False, True]


def test_stocking_the_same_again_changes_nothing() -> None:
    found = catalog(Shelf(backend="a", provider="ollama"))
    assert found.stock("a", stocked("m")) is True
    assert found.stock("a", stocked("m")) is False
    assert found.of_backend("a")[0].name == "m"


def test_an_alias_of_an_alias_leads_to_what_that_one_leads_to() -> None:
    found = catalog(Shelf(backend="a", provider="ollama"), aliases={"x": "Y:latest", "y": "z", "z": "m"})
    found.stock("a", stocked("m"))
    assert [found.find(name)[0].upstream for name in ("x", "y", "z")] == ["m"] * 3


def test_a_date_that_moves_with_every_question_is_kept_as_it_was_told_first() -> None:
    def told(modified: float, digest: str | None = None) -> Inventory:
        return Inventory(models=(ModelInfo(name="m", modified=modified, digest=digest),))

    found = catalog(Shelf(backend="a", provider="vllm"))
    found.stock("a", told(1.0))
    assert found.stock("a", told(2.0)) is False
    assert found.find("m")[0].info.modified == 1.0
    found.stock("a", told(3.0, "d" * 64))
    assert found.find("m")[0].info.modified == 3.0


def test_a_model_that_is_expected_is_found_and_not_listed_until_its_backend_tells() -> None:
    found = catalog(
        Shelf(backend="a", provider="gguf", prefix="x/", expected="Small"), Shelf(backend="b", provider="vllm"),
        aliases={"short": "x/small"},
    )  # fmt: skip
    (offer,) = found.find("X/SMALL")
    assert (offer.name, offer.upstream, offer.backend) == ("x/Small", "Small", "a") and found.find("short") == (offer,)
    assert found.offers() == () == found.of_backend("a")
    found.stock("b", stocked("x/small"))
    assert [offer.backend for offer in found.find("x/small")] == ["b"]  # somebody who has it comes first
    found.stock("b", stocked())
    found.stock("a", stocked("Other"))
    assert found.find("x/small") == () and [offer.backend for offer in found.find("x/other")] == ["a"]


def test_a_model_that_is_expected_and_not_registered_is_not_served_where_only_registered_ones_are() -> None:
    assert catalog(Shelf(backend="a", provider="gguf", expected="m"), registered_only=True).find("m") == ()


def test_a_name_is_sent_as_the_client_spells_it_where_it_means_that_very_model() -> None:
    found = catalog(Shelf(backend="a", provider="ollama"))
    assert found.spelling("Tiny", "tiny:latest") == found.spelling("Tiny", "tiny:latest") == "Tiny"
    assert found.spelling("other", "tiny:latest") == "tiny:latest" == found.spelling("tiny:latest", "tiny:latest")


def test_a_pattern_leads_every_name_that_fits_to_its_target_and_the_most_specific_one_counts() -> None:
    found = catalog(
        Shelf(backend="a", provider="ollama"), aliases={"gpt-*": "big", "GPT-*-mini": "quick", "quick": "small"}
    )
    found.stock("a", stocked("big", "small", "gpt-oss"))
    asked = ("gpt-4o", "Gpt-5:latest", "gpt-4o-mini", "gpt-oss", "quick")
    assert [found.find(name)[0].upstream for name in asked] == ["big", "big", "small", "gpt-oss", "small"]
    assert found.find("claude") == ()


def test_a_name_with_a_tag_fits_a_pattern_with_and_without_it() -> None:
    found = catalog(Shelf(backend="a", provider="ollama"), aliases={"*:x": "m", "y-*z": "m"})
    found.stock("a", stocked("m"))
    assert found.find("any:x")
    assert found.find("y-z:latest")


def test_what_an_alias_leads_to_is_told_as_it_was_written() -> None:
    found = catalog(aliases={"fast": "Auto:Code", "quick-*": "fast", "f": "fast"})
    assert [found.target(name) for name in ("FAST", "quick-1", "f", " other ")] == ["Auto:Code"] * 3 + ["other"]


def test_an_alias_finds_a_model_that_its_vendor_will_have_under_the_vendors_own_spelling() -> None:
    shelf = Shelf(backend="a", provider="openai", expects=lambda name: name.startswith("GPT"))
    found = catalog(shelf, aliases={"fast": "GPT-5", "quick-*": "GPT-5-mini"})
    assert [found.find(name)[0].upstream for name in ("fast", "quick-1")] == ["GPT-5", "GPT-5-mini"]


def test_a_pattern_never_says_which_model_is_to_be_changed() -> None:
    found = catalog(Shelf(backend="a", provider="ollama"), aliases={"*": "m", "fast": "m"})
    found.stock("a", stocked("m"))
    assert [bool(found.named(name)) for name in ("m", "fast", "other")] == [True, True, False]


def test_all_offers_are_told_each_once_the_first_choices_first() -> None:
    found = catalog(Shelf(backend="a", provider="llama_cpp"), Shelf(backend="b", provider="ollama", priority=60.0))
    found.stock("a", Inventory(models=(ModelInfo(name="/m/tiny.gguf", title="tiny"),)))
    found.stock("b", stocked("tiny", "m"))
    assert [(offer.backend, offer.name) for offer in found.every()] == [("b", "tiny"), ("b", "m"), ("a", "tiny")]
