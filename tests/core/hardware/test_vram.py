"""What fits in memory, and what would have to go."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollamux.hardware.readings import Device
from ollamux.hardware.vram import GIB, Unload, Vram, VramPolicy
from ollamux.models import Inventory, Loaded, ModelInfo

GPU = "nvidia:0"
SIZES = {"small": 2 * GIB, "middle": 5 * GIB, "large": 10 * GIB, "huge": 40 * GIB}
MODELS = tuple(ModelInfo(name=name, size=size * 5 // 6) for name, size in SIZES.items())


def vram(used: int | None = None, total: int = 16 * GIB, **policy: Any) -> Vram:
    """One Ollama, `o`, on a card of 16 GiB."""
    made = Vram(VramPolicy(**policy))
    made.add("o", unloads=True)
    made.placed("o", (GPU,))
    made.measured([Device(id=GPU, kind="nvidia", vram_total=total, vram_used=used)])
    made.told("o", Inventory(models=MODELS))
    return made


def holds(made: Vram, *names: str, backend: str = "o", expires: float | None = 4e9) -> None:
    """The backend has these loaded."""
    rows = tuple(Loaded(name=name, size=SIZES[name], size_vram=SIZES[name], expires=expires, row={}) for name in names)
    made.told(backend, Inventory(models=MODELS, loaded=rows))


def use(made: Vram, model: str, now: float, keep_alive: float | None = None) -> None:
    made.keeping.begin("o", model, None, keep_alive, now)
    made.keeping.end("o", model, now)


def gone(made: Vram, model: str) -> list[str]:
    return [unload.model for unload in made.room("o", model).unload]


def test_a_model_that_is_loaded_fits() -> None:
    made = vram()
    holds(made, "huge")
    assert made.room("o", "huge").fits is True


def test_a_model_fits_where_as_much_is_free_beside_the_reserve() -> None:
    made = vram(used=GIB, total=16 * GIB)
    room = made.room("o", "large")
    assert (room.fits, room.free, room.unload) == (True, 16 * GIB - GIB - GIB // 2, ())
    assert vram(used=6 * GIB).room("o", "large").fits is False


def test_the_reserve_is_kept_for_each_device() -> None:
    made = vram(reserve=GIB)
    made.placed("o", (GPU, "nvidia:1"))
    made.measured([Device(id=id_, kind="nvidia", vram_total=8 * GIB) for id_ in (GPU, "nvidia:1")])
    assert made.usage()[0].free == 14 * GIB


def test_a_model_needs_what_it_took_the_last_time() -> None:
    made = vram()
    assert made.room("o", "small").needed == pytest.approx(2 * GIB, rel=1e-6)
    rows = (Loaded(name="small", size=3 * GIB, size_vram=3 * GIB, expires=4e9, row={}),)
    made.told("o", Inventory(models=MODELS, loaded=rows))
    made.told("o", Inventory(models=MODELS))
    assert made.room("o", "small").needed == 3 * GIB


def test_a_model_of_unknown_size_needs_what_is_assumed() -> None:
    assert vram().room("o", "never heard of").needed == 8 * GIB
    assert vram(assumed_size=GIB).room("o", "never heard of").needed == GIB


def test_nothing_is_decided_where_the_memory_is_not_known() -> None:
    made = vram()
    made.measured([])
    assert made.room("o", "huge").fits is None
    assert made.usage() == ()
    made.measured([Device(id=GPU, kind="nvidia", vram_total=16 * GIB)])
    made.placed("o", ())
    assert made.room("o", "huge").fits is None
    made.placed("o", (GPU, "nvidia:1"))
    assert made.room("o", "huge").fits is None


def test_the_least_recently_used_goes_first() -> None:
    made = vram()
    holds(made, "small", "middle")
    use(made, "small", 10.0)
    use(made, "middle", 5.0)
    made.measured([Device(id=GPU, kind="nvidia", vram_total=16 * GIB, vram_used=7 * GIB)])
    assert gone(made, "large") == ["middle"]
    use(made, "middle", 20.0)
    assert gone(made, "large") == ["small"]


def test_one_that_was_never_used_here_goes_before_all_others() -> None:
    made = vram(total=9 * GIB)
    holds(made, "small", "middle")
    use(made, "middle", 5.0)
    assert [unload.model for unload in made.room("o", "unknown").unload] == ["small", "middle"]


def test_the_largest_goes_first_where_that_is_the_strategy() -> None:
    made = vram(strategy="largest")
    holds(made, "small", "middle")
    use(made, "small", 1.0)
    use(made, "middle", 9.0)
    assert gone(made, "large") == ["middle"]


def test_no_more_goes_than_has_to() -> None:
    made = vram(total=20 * GIB)
    holds(made, "small", "middle", "large")
    for now, name in enumerate(("small", "middle", "large")):
        use(made, name, float(now))
    assert [unload.model for unload in made.room("o", "unknown").unload] == ["small", "middle"]
    made.measured([Device(id=GPU, kind="nvidia", vram_total=24 * GIB, vram_used=17 * GIB)])
    assert made.room("o", "unknown").unload == (Unload("o", "small", 2 * GIB),)
    made.measured([Device(id=GPU, kind="nvidia", vram_total=22 * GIB, vram_used=17 * GIB)])
    assert made.room("o", "unknown").unload == (Unload("o", "middle", 5 * GIB),)


def test_nothing_goes_where_even_all_of_it_would_not_be_enough() -> None:
    made = vram()
    holds(made, "small", "middle")
    room = made.room("o", "huge")
    assert (room.fits, room.unload) == (False, ())


@pytest.mark.parametrize("pattern", ["middle", "mid*", "*"])
def test_a_pinned_model_never_goes(pattern: str) -> None:
    made = vram(total=11 * GIB, pinned=(pattern,))
    holds(made, "middle")
    assert (made.room("o", "large").fits, gone(made, "large")) == (False, [])


def test_a_model_that_answers_right_now_never_goes() -> None:
    made = vram(total=11 * GIB)
    holds(made, "middle")
    made.keeping.begin("o", "middle", None, None, 0.0)
    assert made.room("o", "large").fits is False
    made.keeping.end("o", "middle", 1.0)
    assert gone(made, "large") == ["middle"]


def test_a_model_that_was_asked_to_stay_for_ever_never_goes() -> None:
    made = vram(total=11 * GIB)
    holds(made, "middle")
    use(made, "middle", 0.0, math.inf)
    assert made.room("o", "large").fits is False
    use(made, "middle", 1.0, 0.0)
    assert gone(made, "large") == ["middle"]
    holds(made, "middle", expires=None)
    assert made.room("o", "large").fits is False


def test_what_a_backend_cannot_unload_is_counted_and_stays() -> None:
    made = vram()
    made.add("llama", unloads=False)
    made.placed("llama", (GPU,))
    made.told("llama", Inventory(loaded=(Loaded(name="qwen", size=10 * GIB),)))
    assert made.usage()[0].used == 10 * GIB
    room = made.room("o", "large")
    assert (room.fits, room.unload) == (False, ())


def test_backends_that_share_a_device_share_its_memory() -> None:
    made = vram()
    made.add("p", unloads=True)
    made.placed("p", (GPU,))
    holds(made, "large", backend="p")
    assert made.room("o", "large").unload == (Unload("p", "large", 10 * GIB),)
    made.placed("p", ("nvidia:1",))
    assert made.room("o", "large").unload == ()


def test_what_runs_on_the_processor_takes_no_memory_of_the_device() -> None:
    made = vram()
    made.told("o", Inventory(models=MODELS, loaded=(Loaded(name="middle", size=5 * GIB, expires=4e9, row={}),)))
    assert made.usage()[0].used == 0
    assert gone(made, "huge") == []


def test_usage_tells_the_greater_of_what_sensors_and_backends_say() -> None:
    made = vram(used=3 * GIB)
    holds(made, "middle")
    assert made.usage()[0].used == 5 * GIB
    made.measured([Device(id=GPU, kind="nvidia", vram_total=16 * GIB, vram_used=8 * GIB)])
    usage = made.usage()[0]
    assert (usage.used, usage.percent, [model.model for model in usage.models]) == (8 * GIB, 50.0, ["middle"])


def test_an_unloaded_model_leaves_its_room() -> None:
    made = vram(total=11 * GIB)
    holds(made, "middle")
    made.released("o", "middle")
    assert made.room("o", "large").fits is True


def test_no_model_goes_by_itself_unless_a_threshold_is_set() -> None:
    made = vram(used=16 * GIB)
    holds(made, "large")
    assert made.pressure() == ()


def test_above_the_threshold_models_go_until_it_is_kept_or_none_is_left() -> None:
    made = vram(used=15 * GIB, threshold=85.0)
    holds(made, "small", "large")
    use(made, "large", 5.0)
    assert [unload.model for unload in made.pressure()] == ["small"]
    made.measured([Device(id=GPU, kind="nvidia", vram_total=16 * GIB, vram_used=13 * GIB)])
    assert made.pressure() == ()
    made = vram(used=16 * GIB, threshold=50.0)
    holds(made, "small")
    assert [unload.model for unload in made.pressure()] == ["small"]


@given(
    st.lists(st.integers(1, 12), min_size=1, max_size=8),
    st.lists(st.floats(0, 100), min_size=8, max_size=8),
    st.integers(1, 40),
    st.sampled_from(["lru", "largest"]),
)
def test_what_goes_makes_the_room_and_nothing_of_it_could_stay(
    sizes: list[int], used_at: list[float], needed: int, strategy: str
) -> None:
    made = vram(total=sum(sizes) * GIB, reserve=0, assumed_size=needed * GIB, strategy=strategy)
    rows = tuple(
        Loaded(name=f"m{at}", size=size * GIB, size_vram=size * GIB, expires=4e9, row={})
        for at, size in enumerate(sizes)
    )
    made.told("o", Inventory(loaded=rows))
    for at in range(len(sizes)):
        use(made, f"m{at}", used_at[at])
    room = made.room("o", "wanted")
    freed = [unload.size for unload in room.unload]
    if room.fits:
        assert sum(freed) >= needed * GIB
        assert all(sum(freed) - size < needed * GIB for size in freed)
    else:
        assert needed > sum(sizes) and not freed


def test_what_was_used_by_others_since_counts_as_used() -> None:
    made = vram(total=16 * GIB)
    rows = {name: Loaded(name=name, size=SIZES[name], size_vram=SIZES[name], expires=100.0, row={}) for name in SIZES}
    small, middle = rows["small"], rows["middle"]
    made.told("o", Inventory(models=MODELS, loaded=(small, middle)), 10.0)
    use(made, "middle", 15.0)
    use(made, "small", 12.0)
    made.told("o", Inventory(models=MODELS, loaded=(small, middle)), 20.0)
    assert (made.keeping.use("o", "small").used_at, made.keeping.use("o", "middle").used_at) == (12.0, 15.0)
    longer = Loaded(name="small", size=SIZES["small"], size_vram=SIZES["small"], expires=130.0, row={})
    made.told("o", Inventory(models=MODELS, loaded=(longer, middle)), 30.0)
    assert (made.keeping.use("o", "small").used_at, made.keeping.use("o", "middle").used_at) == (30.0, 15.0)
    use(made, "small", 35.0)
    later = Loaded(name="small", size=SIZES["small"], size_vram=SIZES["small"], expires=160.0, row={})
    made.told("o", Inventory(models=MODELS, loaded=(later, middle)), 40.0)
    assert made.keeping.use("o", "small").used_at == 35.0
