"""How the details that a sync may ask for are shared out."""

from hypothesis import given
from hypothesis import strategies as st

from jobledger.sources._provider.asking import Budget

SOME = st.integers(0, 50)


def test_what_is_left_over_has_its_share_and_the_rest_is_for_whoever_comes_first() -> None:
    budget = Budget(10, {"query": 4, "ingest": 0})
    assert budget.take(20) == 6
    assert budget.take(1) == 0
    assert budget.take_owed("query", 4) == 4
    assert budget.take_owed("ingest", 0) == 0


def test_a_share_that_is_not_used_is_there_for_others() -> None:
    budget = Budget(10, {"query": 8})
    assert budget.take_owed("query", 1) == 1
    assert budget.take(20) == 9


def test_where_it_is_not_enough_for_all_each_has_a_part() -> None:
    budget = Budget(5, {"query": 8, "ingest": 2})
    assert budget.take_owed("query", 8) == 4
    assert budget.take_owed("ingest", 2) == 1
    assert budget.take(1) == 0


@given(SOME, st.dictionaries(st.sampled_from("abc"), SOME), st.data())
def test_never_more_is_given_than_there_is_and_never_less_than_a_share(
    details: int, owed: dict[str, int], data: st.DataObject
) -> None:
    budget = Budget(details, owed)
    given_ = 0
    for kind in data.draw(st.permutations(sorted(owed))):
        given_ += budget.take(data.draw(SOME))
        got = budget.take_owed(kind, owed[kind])
        assert min(owed[kind], details * owed[kind] // max(sum(owed.values()), 1)) <= got
        assert got <= owed[kind]
        given_ += got
    given_ += budget.take(details)
    assert given_ == details


def test_a_share_that_nobody_will_ask_for_is_there_for_others() -> None:
    budget = Budget(10, {"query": 8})
    budget.release("query")
    budget.release("ingest")
    assert budget.take(20) == 10
