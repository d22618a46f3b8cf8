"""Paths and hosts by themselves; the corpus shows them in requests."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quaich.errors import ProtocolError
from quaich.wire.target import decode_path


class TestDecodePath:
    @pytest.mark.parametrize(
        ("raw", "path"),
        [
            (b"/", "/"),
            (b"", "/"),
            (b"/a%20b", "/a b"),
            (b"/%C3%a9", "/\xc3\xa9"),
            (b"/a/../..", "/"),
            (b"/a/.", "/a/"),
            (b"/a/..", "/"),
            (b"/./a", "/a"),
            (b"/a//../b", "/a/b"),
            (b"/..a/b..", "/..a/b.."),
            (b"/%2e%2e/a", "/a"),
            (b"/%252e%252e/a", "/%2e%2e/a"),
            (b"/a%2fb", "/a/b"),
            (b"/a%5c..%5cb", "/a\\..\\b"),
        ],
    )
    def test_cases(self, raw: bytes, path: str) -> None:
        assert decode_path(raw, 0, len(raw)) == path

    @given(st.binary(max_size=40))
    def test_any_octets(self, raw: bytes) -> None:
        try:
            path = decode_path(b"/" + raw, 0, len(raw) + 1)
        except ProtocolError as error:
            assert error.status == 400
        else:
            assert path[0] == "/"
            assert not {".", ".."} & set(path.split("/"))

    @given(st.lists(st.sampled_from(["a", "..", ".", "", "%2e", "%2E.", "b%2f..", "...", "%41"])))
    def test_it_never_climbs(self, segments: list[str]) -> None:
        raw = ("/" + "/".join(segments)).encode()
        assert not {".", ".."} & set(decode_path(raw, 0, len(raw)).split("/"))
