"""What a real file becomes through damage: cut, longer, with changed, lost, doubled and foreign bytes."""

from hypothesis import strategies as st

_PIECES = st.sampled_from(
    [b"", b"\0", b"\n", b"\xff", b"9" * 5000, b"[" * 20_000, b'{"a":' * 500, b"-1", b"1e999", b"null", b"NaN", b'"']
)


def mutants(whole: bytes) -> st.SearchStrategy[bytes]:
    """Damaged versions of a file: up to three pieces of it are replaced by others, or it is cut."""
    place = st.integers(0, len(whole))

    @st.composite
    def damaged(draw: st.DrawFn) -> bytes:
        data = whole
        for _ in range(draw(st.integers(1, 3))):
            start, length = draw(place), draw(st.integers(0, 40))
            piece = draw(_PIECES | st.binary(max_size=8) | st.just(whole[start : start + length]))
            data = data[:start] + piece + data[start + length :]
        return data

    return damaged() | place.map(lambda end: whole[:end])
