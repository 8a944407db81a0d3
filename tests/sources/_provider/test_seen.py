"""What was seen is known, whatever its order and however much of it there is."""

from hypothesis import given
from hypothesis import strategies as st

from jobledger.sources._provider.seen import Seen, among, digests_of


@given(st.lists(st.lists(st.text(max_size=2), max_size=30), max_size=8))
def test_says_what_a_set_would_say(pages: list[list[str]]) -> None:
    seen, known = Seen(), set[str]()
    for page in pages:
        expected = []
        for identity in page:
            expected.append(identity not in known)
            known.add(identity)
        assert seen.add(page) == expected
    assert len(seen) == len(known)
    assert all(identity in seen for identity in known)
    assert "something else" not in seen


def test_takes_eight_bytes_a_job() -> None:
    seen = Seen()
    for page in range(100):
        seen.add([str(page * 100 + each) for each in range(100)])
    assert sum(run.nbytes for run in seen._runs) == 10_000 * 8
    assert len(seen._runs) < 15


def test_finds_hashes_by_their_first_half() -> None:
    hashes = [f"{number:032x}" for number in (2**127, 2**100, 1)]
    known = digests_of(sorted(hashes[:1]))
    assert among(digests_of(hashes), known).tolist() == [True, False, False]
    assert among(digests_of(hashes), digests_of([])).tolist() == [False] * 3
